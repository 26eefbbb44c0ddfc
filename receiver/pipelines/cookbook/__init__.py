"""Questions that analysts ask, each as one pipeline; ``docs/analysts.md`` shows them ready for mongosh."""
