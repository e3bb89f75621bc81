// The public GraphQL API as a page uses it: published documents by their hash, the session's cookie, one WebSocket.

const ENDPOINT = "/graphql";
const LOGIN = "/console/login";
const CSRF_COOKIES = ["__Host-hub_csrf", "hub_csrf"];
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
const KEPT_TIMINGS = 500;
const CLOSE_FORBIDDEN = 4403;

export class GraphQLError extends Error {
  constructor(errors) {
    super(errors.map((error) => error.message).join("; "));
    this.codes = errors.map((error) => error.extensions?.code);
  }
}

export async function loadDocuments() {
  const answer = await fetch("/console/documents.json");
  if (!answer.ok) throw new Error("the page's documents are missing");
  return answer.json();
}

function csrfToken() {
  const cookies = new Map(document.cookie.split("; ").map((pair) => pair.split(/=(.*)/s, 2)));
  return CSRF_COOKIES.map((name) => cookies.get(name)).find(Boolean) ?? "";
}

export function headersOfWrite() {
  return { "Content-Type": "application/json", "X-CSRF-Token": csrfToken() };
}

/** A key that makes a mutation count once. `randomUUID` is missing on plain http, `getRandomValues` is not. */
export function idempotencyKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** How long the page's own requests took; the newest `KEPT_TIMINGS`. */
export class Timings {
  #taken = [];
  count = 0;

  add(milliseconds) {
    this.count += 1;
    this.#taken.push(milliseconds);
    if (this.#taken.length > KEPT_TIMINGS) this.#taken.shift();
  }

  percentile(share) {
    if (!this.#taken.length) return null;
    const sorted = [...this.#taken].sort((one, other) => one - other);
    return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
  }
}

export class Client {
  #documents;
  #socket;
  timings = new Timings();

  /** `onState` hears "connecting", "live" or "offline" of the WebSocket. */
  constructor(documents, onState) {
    this.#documents = documents;
    this.#socket = new Socket(onState, (name, variables) => this.#named(name, variables));
  }

  /** The data of a query or mutation. Throws a GraphQLError; a session that ended leads to the login page. */
  async run(name, variables = {}) {
    const began = performance.now();
    const answer = await fetch(ENDPOINT, {
      method: "POST",
      headers: { ...headersOfWrite(), Accept: "application/graphql-response+json" },
      body: JSON.stringify(this.#named(name, variables)),
    });
    if (answer.status === 401) leave();
    const payload = await answer.json();
    this.timings.add(performance.now() - began);
    if (payload.errors) throw new GraphQLError(payload.errors);
    return payload.data;
  }

  /** Call `onData` with each event until the returned function is called; goes on after a lost connection. */
  subscribe(name, variables, onData, onError = () => {}) {
    return this.#socket.subscribe({ name, variables, onData, onError });
  }

  #named(name, variables) {
    const sha256Hash = this.#documents[name];
    if (!sha256Hash) throw new Error(`no document ${name}`);
    return { variables, extensions: { persistedQuery: { version: 1, sha256Hash } } };
  }
}

export function leave() {
  location.assign(LOGIN + location.search);
}

/** One connection of the protocol graphql-transport-ws, opened by the first subscription and kept open. */
class Socket {
  #onState;
  #message;
  #subscriptions = new Map();
  #next = 1;
  #socket = null;
  #ready = false;
  #pause = FIRST_PAUSE_MS;

  constructor(onState, message) {
    this.#onState = onState;
    this.#message = message;
  }

  subscribe(subscription) {
    const id = String(this.#next++);
    this.#subscriptions.set(id, subscription);
    if (this.#ready) this.#start(id, subscription);
    else if (!this.#socket) this.#open();
    return () => {
      if (this.#subscriptions.delete(id) && this.#ready) this.#send({ id, type: "complete" });
    };
  }

  #open() {
    this.#onState("connecting");
    const url = new URL(ENDPOINT, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.#socket = new WebSocket(url, "graphql-transport-ws");
    this.#socket.addEventListener("open", () => this.#send({ type: "connection_init" }));
    this.#socket.addEventListener("message", (event) => this.#receive(JSON.parse(event.data)));
    this.#socket.addEventListener("close", (event) => this.#closed(event.code));
  }

  #closed(code) {
    this.#socket = null;
    this.#ready = false;
    this.#onState("offline");
    if (code === CLOSE_FORBIDDEN) return leave();
    const pause = this.#pause * (0.75 + Math.random() / 2);
    this.#pause = Math.min(LONGEST_PAUSE_MS, this.#pause * 2);
    setTimeout(() => this.#open(), pause);
  }

  #receive(message) {
    const subscription = this.#subscriptions.get(message.id);
    if (message.type === "connection_ack") this.#begin();
    else if (message.type === "ping") this.#send({ type: "pong" });
    else if (!subscription) return;
    else if (message.type === "next") this.#deliver(subscription, message.payload);
    else if (message.type === "error") this.#end(message.id, new GraphQLError(message.payload));
    else if (message.type === "complete") this.#end(message.id, null);
  }

  #begin() {
    this.#ready = true;
    this.#pause = FIRST_PAUSE_MS;
    this.#onState("live");
    for (const [id, subscription] of this.#subscriptions) this.#start(id, subscription);
  }

  #deliver(subscription, payload) {
    if (payload.errors) subscription.onError(new GraphQLError(payload.errors));
    else subscription.onData(payload.data);
  }

  #end(id, error) {
    const subscription = this.#subscriptions.get(id);
    this.#subscriptions.delete(id);
    subscription.onError(error ?? new Error("the server ended the subscription"));
  }

  #start(id, { name, variables }) {
    this.#send({ id, type: "subscribe", payload: this.#message(name, variables) });
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }
}
