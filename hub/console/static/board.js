// The live board: tells each tile when to look, by the subscriptions and by the clock.
import { byId, say } from "./dom.js";
import { Figures } from "./figures.js";
import { Client, headersOfWrite, leave, loadDocuments } from "./graphql.js";
import { Held } from "./held.js";
import { Orders } from "./orders.js";
import { Points } from "./points.js";
import { Queue } from "./queue.js";
import { StockBoard } from "./stock.js";
import { loadStrings } from "./strings.js";
import { Tile } from "./tile.js";

const FIGURES_EVERY_MS = 3_000;
const LISTS_EVERY_MS = 5_000;
const LEVELS_EVERY_MS = 15_000;
// A connection holds 20 subscriptions; the stock board needs one of them, and one more while it changes over.
const MAX_WATCHED_QUEUES = 16;
const TIMINGS_EVERY_MS = 1_000;

const [strings, documents] = await Promise.all([loadStrings(), loadDocuments()]);
const client = new Client(documents, showConnection);
const stock = new StockBoard(client, strings, () => stockTile.soon());
const stockTile = new Tile(stock, ["stock"]);
const figures = new Figures(client, strings, (channels) => stock.offerChannels(channels));
const counters = new Tile(figures, ["figures", "channels"]);
const lists = [
  new Tile(new Orders(client, strings), ["orders"]),
  new Tile(new Held(client, strings), ["held"]),
  new Tile(new Queue(client, strings), ["queue"]),
  new Tile(new Points(client, strings), ["points"]),
];

byId("logout").addEventListener("click", logOut);
document.addEventListener("keydown", focusSearch);

await stockTile.refresh();
counters.refresh();
for (const tile of lists) tile.refresh();
for (const { id } of stock.locations.slice(0, MAX_WATCHED_QUEUES)) {
  client.subscribe("FulfillmentOrderChanged", { locationId: id }, queueChanged);
}
setInterval(() => counters.refresh(), FIGURES_EVERY_MS);
setInterval(() => lists.forEach((tile) => tile.refresh()), LISTS_EVERY_MS);
setInterval(() => stock.spoil(), LEVELS_EVERY_MS);
setInterval(() => figures.showBrowser(), TIMINGS_EVERY_MS);

/** Whatever moves a fulfillment order moves its order, perhaps points, and stock that no channel's promise shows. */
function queueChanged() {
  for (const tile of lists) tile.soon();
  stock.spoil();
}

function showConnection(state) {
  const pill = byId("connection");
  pill.dataset.state = state;
  say(pill, strings.text(`connection.${state}`));
}

/** "/" leads to the search, as the field says; not while somebody types elsewhere. */
function focusSearch(event) {
  if (event.key !== "/" || event.target.matches("input, textarea, select")) return;
  event.preventDefault();
  byId("stock-words").focus();
}

async function logOut() {
  await fetch("/auth/logout", { method: "POST", headers: headersOfWrite() });
  leave();
}
