/** The REST API: every call that the dashboard makes, except its streams. */

/** What the API refused, or that it did not answer. */
export class ApiError extends Error {
  /** @param {number} status 0 when there was no answer @param {object} [problem] problem details (RFC 9457) */
  constructor(status, problem = {}) {
    super(problem.detail || (status ? `The gateway answered ${status}.` : "The gateway cannot be reached."));
    this.status = status;
    this.reason = problem.reason ?? null;
    this.fields = problem.errors ?? [];
  }
}

async function call(path, options = {}) {
  const response = await fetch(path, { ...options, headers: { Accept: "application/json", ...options.headers } })
    .catch((error) => {
      throw error.name === "AbortError" ? error : new ApiError(0);
    });
  if (!response.ok) throw new ApiError(response.status, await response.json().catch(() => ({})));
  return response;
}

const get = async (path, signal) => (await call(path, { signal })).json();

const post = async (path, body, headers = {}) =>
  (await call(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } })).json();

/** Return a path with its query; a list becomes a repeated parameter, what is empty is left out. */
export function query(path, parameters) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) if (one !== "" && one !== null && one !== undefined) found.append(name, one);
  }
  return found.size ? `${path}?${found}` : path;
}

const batchPath = (id) => `/v1/reports/batch/${encodeURIComponent(id)}`;
const reportPath = (id) => `/v1/reports/${encodeURIComponent(id)}`;

export const listBatches = (filter, signal) => get(query("/v1/reports/batch", filter), signal);
export const getBatch = (id, signal) => get(query(batchPath(id), { view: "BASIC" }), signal);
export const listItems = (id, parameters, signal) => get(query(`${batchPath(id)}/items`, parameters), signal);
export const cancelBatch = (id) => post(`${batchPath(id)}:cancel`, { reason: "Cancelled on the dashboard" });
export const retryBatch = (id, key) => post(`${batchPath(id)}:retry`, {}, { "Idempotency-Key": key });
export const submitBatch = (body, key) => post("/v1/reports/batch", body, { "Idempotency-Key": key });
export const listReports = (parameters, signal) => get(query("/v1/reports", parameters), signal);
export const getReport = (id, signal) => get(reportPath(id), signal);
export const getAnalysis = (id, signal) => get(`${reportPath(id)}/analysis`, signal);
export const getDelta = (id, signal) => get(`${reportPath(id)}/delta`, signal);
export const resultsUrl = (id, format) => query(`${batchPath(id)}/results`, { format });

/** Yield the results of a batch as they arrive; leaving the loop ends the transfer. */
export async function* results(id, signal) {
  const response = await call(resultsUrl(id, "jsonl"), { signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) yield JSON.parse(line);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/**
 * Upload one report. XMLHttpRequest, because fetch tells nothing of how much has been sent.
 * @param {File} file @param {Record<string, string>} fields @param {(fraction: number) => void} onProgress
 * @param {AbortSignal} [signal]
 */
export function upload(file, fields, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) if (value) form.append(name, value);
    form.append("file", file);
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/reports");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => onProgress(event.total ? event.loaded / event.total : 0));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve(request.response);
      else reject(new ApiError(request.status, request.response ?? {}));
    });
    request.addEventListener("error", () => reject(new ApiError(0)));
    request.addEventListener("abort", () => reject(new DOMException("Aborted", "AbortError")));
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}
