// Signing in without leaving the form when the password is wrong. Without scripts the form posts itself.
import { byId, say } from "./dom.js";
import { loadStrings } from "./strings.js";

const form = byId("login");
const strings = await loadStrings();

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  say(byId("problem"), "");
  try {
    await signIn();
  } finally {
    button.disabled = false;
  }
});

async function signIn() {
  const { username, password, next } = Object.fromEntries(new FormData(form));
  const status = await post({ username, password });
  if (status === 200) return location.assign(next);
  say(byId("problem"), strings.text(status === 401 ? "login.refused" : "login.failed"));
  byId("password").select();
}

async function post(body) {
  try {
    const headers = { "Content-Type": "application/json" };
    return (await fetch("/auth/login", { method: "POST", headers, body: JSON.stringify(body) })).status;
  } catch {
    return 0;
  }
}
