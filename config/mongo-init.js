// Makes the two users, once, when the database is empty: the receiver's own, and one for analysts that may only read.
// Run by the mongo image as root; the passwords come from the environment (docker-compose.yml).

const database = process.env.RECEIVER_DATABASE || "monitoring";

function makeUser(name, password, roles) {
  if (!password) {
    throw new Error(`The password of ${name} is not set; see .env in docs/deployment.md`);
  }
  db.getSiblingDB("admin").createUser({ user: name, pwd: password, roles });
}

makeUser("receiver", process.env.RECEIVER_PASSWORD, [
  { role: "readWrite", db: database },
  { role: "dbAdmin", db: database },
]);
makeUser("analyst", process.env.ANALYST_PASSWORD, [{ role: "read", db: database }]);
