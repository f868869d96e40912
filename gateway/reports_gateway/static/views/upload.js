/** Upload of reports by drag and drop, and their submission as one batch. */

import { submitBatch, upload } from "../api.js";
import { companyId } from "../company.js";
import { field } from "../components/field.js";
import { toast } from "../components/toast.js";
import { fill, h, text } from "../dom.js";
import { bytes, number, percent, words } from "../format.js";
import { batchLink, go } from "../router.js";

const TYPES = ["10_K", "10_Q", "8_K", "ANNUAL", "OTHER"];
const LARGEST = 52_428_800;
const AT_ONCE = 3;
const GUESSES = [[/10-?k/i, "10_K"], [/10-?q/i, "10_Q"], [/8-?k/i, "8_K"], [/annual/i, "ANNUAL"]];

const guessedType = (name) => GUESSES.find(([pattern]) => pattern.test(name))?.[1] ?? "OTHER";

/** Files dropped on another view are taken along. */
const dropped = [];

export function take(files) {
  dropped.push(...files);
  dispatchEvent(new Event("filestaken"));
}

export function uploadView(_route, signal) {
  return new Upload(signal).element;
}

class Upload {
  constructor(signal) {
    this.signal = signal;
    this.files = [];
    this.key = null;
    this.list = h("ul.uploads", { "aria-label": "Files" });
    this.submit = h("button.button.is-primary", { type: "submit", disabled: true, id: "submit" }, "Upload and analyse");
    this.picker = h("input.sr-only", { type: "file", multiple: true, id: "picker", onchange: () => { this.add(this.picker.files); this.picker.value = ""; } });
    this.shared = {
      company_id: field("Company", h("input", { name: "company", required: true, placeholder: "Name, or its UUID", autocomplete: "organization" })),
      fiscal_period: field("Fiscal period (optional)", h("input", { name: "fiscal_period", placeholder: "FY 2024 or Q1 2024", autocomplete: "off" })),
      filing_date: field("Filed on (optional)", h("input", { name: "filing_date", type: "date" })),
    };
    this.label = h("input", { name: "label", placeholder: "quarter:Q4", pattern: "[^:]+:.*", title: "key:value", autocomplete: "off" });
    this.problem = h("div", { role: "alert" });
    const zone = h("label.dropzone", { for: "picker", id: "dropzone" }, h("span.dropzone-mark", { "aria-hidden": "true" }, "↥"),
      h("strong", {}, "Drop reports here, or choose files"), h("span.quiet", {}, "PDF, HTML, iXBRL or text, up to 50 MB each"), this.picker);
    this.element = h("div.page.narrow", {},
      h("div.page-head", {}, h("div", {}, h("h1", {}, "Upload reports"), h("p.lead", {}, "They are analysed as one batch, and you watch it live."))),
      h("form.stack", { onsubmit: (event) => { event.preventDefault(); this.run(); } }, zone,
        h("div.fields", {}, Object.values(this.shared).map(({ element }) => element), field("Label (optional)", this.label).element),
        this.list, this.problem, h("div.actions", {}, this.submit)));
    addEventListener("filestaken", () => this.add(dropped.splice(0)), { signal });
    this.add(dropped.splice(0));
  }

  add(files) {
    this.key = null;
    for (const file of files) this.files.push(new PickedFile(file, (one) => this.remove(one)));
    this._show();
  }

  remove(one) {
    this.key = null;
    this.files = this.files.filter((file) => file !== one);
    this._show();
  }

  _show() {
    fill(this.list, this.files.map((file) => file.element));
    this.submit.disabled = !this.files.length;
    text(this.submit, this.files.length ? `Upload and analyse ${number(this.files.length)} ${this.files.length === 1 ? "file" : "files"}` : "Upload and analyse");
  }

  async run() {
    this.submit.disabled = true;
    fill(this.problem);
    Object.values(this.shared).forEach(({ clear }) => clear());
    try {
      const waiting = this.files.filter((file) => !file.reportId);
      const lane = async () => { for (let file = waiting.shift(); file; file = waiting.shift()) await file.send(this.shared, this.signal); };
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
      const failed = this.files.filter((file) => !file.reportId);
      if (failed.length) throw new Error(`${number(failed.length)} of ${number(this.files.length)} files could not be uploaded. Mend or remove them, then try again; the others are kept.`);
      await this._submit();
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(this.problem, h("p.field-error", {}, error.message));
      this.element.querySelector("[aria-invalid]")?.focus();
    } finally {
      this.submit.disabled = false;
    }
  }

  async _submit() {
    const [key, ...rest] = this.label.value.trim().split(":");
    const body = { report_ids: [...new Set(this.files.map((file) => file.reportId))], labels: key ? { [key]: rest.join(":") } : {} };
    // The same key when the answer was lost: one batch, however often the button is pressed.
    const sent = JSON.stringify(body);
    if (this.sent !== sent || !this.key) this.key = Array.from(crypto.getRandomValues(new Uint32Array(4)), String).join("-");
    this.sent = sent;
    const batch = await submitBatch(body, this.key);
    if (this.signal.aborted) return;
    toast("The batch is accepted.", "good");
    go(batchLink(batch.batch_id));
  }
}

class PickedFile {
  constructor(file, onRemove) {
    this.file = file;
    this.reportId = null;
    this.type = h("select", { name: "type", "aria-label": `Type of ${file.name}` }, TYPES.map((type) => h("option", { value: type, selected: type === guessedType(file.name) }, words(type))));
    this.own = {
      company_id: field("Other company", h("input", { "aria-label": `Company of ${file.name}, when it is another one`, autocomplete: "off" })),
      fiscal_period: field("Other period", h("input", { "aria-label": `Fiscal period of ${file.name}, when it is another one`, autocomplete: "off" })),
      filing_date: field("Filed on another day", h("input", { type: "date", "aria-label": `Filing date of ${file.name}, when it is another one` })),
    };
    this.bar = h("span");
    this.track = h("div.mini-bar.wide", { role: "progressbar", "aria-label": `Upload of ${file.name}`, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 0, hidden: true }, this.bar);
    this.state = h("span.upload-state", {}, bytes(file.size));
    this.error = h("p.field-error", { role: "alert", hidden: true });
    this.element = h("li.upload", { "data-file": file.name },
      h("div.upload-name", {}, h("strong", {}, file.name), this.state,
        h("button.icon-button.remove", { type: "button", "aria-label": `Remove ${file.name}`, onclick: () => onRemove(this) }, "✕")),
      h("div.upload-fields", {}, field("Type", this.type).element, Object.values(this.own).map(({ element }) => element)), this.track, this.error);
    if (file.size > LARGEST) this._fail("The file is larger than 50 MB; split it or send a smaller one.");
    if (file.size === 0) this._fail("The file is empty; choose the one with the report.");
  }

  /** @param {Record<string, ReturnType<typeof field>>} shared what holds where this file has no value of its own */
  async send(shared, signal) {
    if (this.file.size > LARGEST || this.file.size === 0) return;
    this.error.hidden = true;
    this.track.hidden = false;
    const said = Object.fromEntries(Object.entries(this.own).map(([name, own]) => [name, own.value ? own : shared[name]]));
    Object.values(this.own).forEach(({ clear }) => clear());
    const fields = { company_id: companyId(said.company_id.value), report_type: this.type.value, fiscal_period: said.fiscal_period.value, filing_date: said.filing_date.value };
    try {
      const report = await upload(this.file, fields, (fraction) => this._progress(fraction), signal);
      this.reportId = report.report_id;
      this._progress(1);
      text(this.state, "Uploaded ✓");
    } catch (error) {
      if (error.name === "AbortError") throw error;
      for (const { field: name, message } of error.fields) said[name]?.fail(message);
      this._fail([error.message, ...error.fields.filter(({ field: name }) => !said[name]).map(({ field: name, message }) => `${name} ${message}`)].join(" "));
    }
  }

  _progress(fraction) {
    this.bar.style.width = `${100 * fraction}%`;
    this.track.setAttribute("aria-valuenow", Math.round(100 * fraction));
    text(this.state, fraction < 1 ? percent(fraction) : "Checking");
  }

  _fail(message) {
    this.track.hidden = true;
    this.error.hidden = false;
    text(this.error, message);
    text(this.state, "Not uploaded");
  }
}
