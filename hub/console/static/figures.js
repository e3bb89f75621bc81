// The counters above the board, and the table of channels.
import { byId, element, KeyedList, say } from "./dom.js";

const SECONDS_PER_MINUTE = 60;

export class Figures {
  #client;
  #strings;
  #channels;
  #onChannels;

  /** `onChannels` hears of the channels each time they were read. */
  constructor(client, strings, onChannels) {
    this.#client = client;
    this.#strings = strings;
    this.#onChannels = onChannels;
    this.#channels = new KeyedList(byId("channels-body"), (channel) => this.#row(channel));
  }

  async refresh() {
    const { liveFigures: found } = await this.#client.run("LiveFigures");
    const minutes = found.windowSeconds / SECONDS_PER_MINUTE;
    this.#oversold(found);
    this.#figure("reservations", found.reservationsActive, "figure.reservations.note", {
      minutes,
      made: found.reservationsMade,
      refused: found.reservationsRefused,
      lapsed: found.reservationsLapsed,
    });
    const orders = found.channels.reduce((sum, channel) => sum + channel.ordersCaptured, 0);
    this.#figure("orders", orders, "figure.orders.note", { minutes });
    this.#latency("server", found.requests.p50Milliseconds, found.requests.p99Milliseconds, found.requests.count);
    const lag = this.#strings.text("unit.seconds", { value: found.eventsRelayLagSeconds });
    this.#write("lag", lag, this.#strings.text("figure.lag.note"));
    this.#channels.show(found.channels);
    this.#onChannels(found.channels);
  }

  /** What this browser measured of its own requests; no request is needed to say it. */
  showBrowser() {
    const { timings } = this.#client;
    this.#latency("browser", timings.percentile(0.5), timings.percentile(0.99), timings.count);
  }

  #oversold(found) {
    const good = found.oversoldUnits === 0;
    byId("figure-oversold").dataset.level = good ? "good" : "bad";
    this.#figure("oversold", found.oversoldUnits, `figure.oversold.${good ? "good" : "bad"}`, {
      levels: found.oversoldLevels,
      unfilled: found.unfilledUnits,
    });
  }

  #latency(name, p50, p99, count) {
    const text = p50 === null ? "–" : this.#strings.text("unit.milliseconds", { value: p50 });
    this.#write(name, text, this.#strings.text(`figure.${name}.note`, { p99, count }));
  }

  #figure(name, value, note, values) {
    this.#write(name, this.#strings.number(value), this.#strings.text(note, values));
  }

  #write(name, value, note) {
    say(byId(`value-${name}`), value);
    say(byId(`note-${name}`), note);
  }

  #row(channel) {
    return element(
      "tr",
      {},
      element("td", {}, channel.name),
      this.#cell(channel.ordersCaptured),
      this.#cell(channel.listingsAgreeing),
      this.#cell(channel.listingsDirty),
      this.#cell(channel.driftsOpen, channel.driftsOpen > 0 ? "bad" : null),
    );
  }

  #cell(value, level = null) {
    return element("td", { class: level }, this.#strings.number(value));
  }
}
