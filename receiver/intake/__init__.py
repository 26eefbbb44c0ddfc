"""From the bytes of a body to the document that is stored: decode → dialect → document → writer."""
