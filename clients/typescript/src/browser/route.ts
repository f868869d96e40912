/** Where a method of the contract is found over REST, by its `google.api.http` option. */

import {
  type DescField,
  type DescMessage,
  type DescMethod,
  getOption,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  toJson,
} from "@bufbuild/protobuf";

import { http } from "../gen/google/api/annotations_pb.js";
import { BatchStatusService } from "../gen/fna/reports/v1/batch_status_service_pb.js";
import { bareJson, isObject, isWellKnown, protoJson } from "./bare_json.js";

/** A request of HTTP, without its headers. */
export interface RestRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: string | FormData;
}

// The gateway answers all pages of it at once, and refuses parameters that it does not know.
const WITHOUT_PAGES: DescMethod = BatchStatusService.method.listBatchResults;
const PAGING = ["page_size", "page_token"];

const KNOWN_BEFORE = 200;

const routes = new WeakMap<DescMethod, Route>();

/** Turns requests of one method into HTTP, and the JSON of answers into that of Protobuf. */
export class Route {
  readonly #method: DescMethod;
  readonly #verb: string;
  readonly #template: string;
  readonly #body: string;
  readonly #responseBody: string;

  private constructor(method: DescMethod) {
    const { pattern, body, responseBody } = getOption(method, http);
    this.#method = method;
    this.#verb = (pattern.case ?? "post").toUpperCase();
    // What has no route of its own is an upload, whose answer is that of a registration.
    this.#template = typeof pattern.value === "string" ? pattern.value : "";
    this.#body = body;
    this.#responseBody = responseBody || (pattern.case === undefined ? "report" : "");
  }

  /** Return the route of a method. */
  static of(method: DescMethod): Route {
    const route = routes.get(method) ?? new Route(method);
    routes.set(method, route);
    return route;
  }

  /** Return the request for a message. */
  request(message: MessageShape<DescMessage>): RestRequest {
    // A PUT sets what it does not name to nothing, which the gateway wants to be told.
    const options = { useProtoFieldName: true, alwaysEmitImplicit: this.#verb === "PUT" };
    const rest = { ...(bareJson(this.#method.input, toJson(this.#method.input, message, options)) as JsonObject) };
    const take = (name: string): JsonValue | undefined => {
      const value = rest[name];
      delete rest[name];
      return value;
    };
    let path = this.#template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(take(name) ?? "")));
    if (this.#method === WITHOUT_PAGES) {
      PAGING.forEach(take);
    }
    if (this.#body === "*") {
      return { method: this.#verb, path, body: JSON.stringify(rest) };
    }
    const body = this.#body === "" ? undefined : JSON.stringify(take(this.#body) ?? {});
    const query = new URLSearchParams([...parameters(this.#method.input, rest)]).toString();
    path += query && `?${query}`;
    return { method: this.#verb, path, ...(body !== undefined && { body }) };
  }

  /** Return the answer as Protobuf's JSON has it. */
  answer(json: JsonValue, status: number): JsonValue {
    const { output } = this.#method;
    if (this.#responseBody === "" || !isObject(json)) {
      return protoJson(output, json);
    }
    const answer: JsonObject = { ...(protoJson(output, json) as JsonObject) };
    const field = output.fields.find(({ name }) => name === this.#responseBody);
    if (field?.message) {
      answer[field.name] = protoJson(field.message, json);
    }
    if (output.fields.some(({ name }) => name === "already_existed")) {
      answer["already_existed"] = status === KNOWN_BEFORE;
    }
    return answer;
  }
}

/** Yield query parameters: fields of messages by their own names, those that repeat in the singular. */
function* parameters(desc: DescMessage, json: JsonObject): Generator<[string, string]> {
  for (const field of desc.fields) {
    const value = json[field.name];
    if (value !== undefined) {
      yield* ofField(field, value);
    }
  }
}

function* ofField(field: DescField, value: JsonValue): Generator<[string, string]> {
  if (field.fieldKind === "map") {
    for (const [key, text] of Object.entries(value as JsonObject)) {
      yield [singular(field.name), `${key}:${String(text)}`];
    }
  } else if (field.fieldKind === "list") {
    for (const element of value as JsonValue[]) {
      yield [singular(field.name), String(element)];
    }
  } else if (field.message && !isWellKnown(field.message)) {
    yield* parameters(field.message, value as JsonObject);
  } else {
    yield [field.name, String(value)];
  }
}

/** `labels` is `label` in a query, `statuses` is `status`. */
function singular(name: string): string {
  return name.replace(/(?<=s)es$|s$/, "");
}
