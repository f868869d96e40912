/** The gateway's JSON, whose enum values have no prefix (`PROCESSING`), and Protobuf's, by the descriptors. */

import { createRegistry, type DescEnum, type DescField, type DescMessage, type JsonObject, type JsonValue } from "@bufbuild/protobuf";

import { STATUS_CODES, type StatusCode } from "../errors.js";
import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../gen/google/rpc/status_pb.js";

/** What is packed into the errors of items. */
export const ANY_TYPES = createRegistry(ErrorInfoSchema);

const DOMAIN = "reports.fna";

type Translate = (desc: DescMessage | DescEnum, value: JsonValue) => JsonValue;

/** Tell whether Protobuf's JSON has a form of its own for a message, as for a timestamp. */
export function isWellKnown(desc: DescMessage): boolean {
  return desc.typeName.startsWith("google.protobuf.");
}

/** Tell whether a value is an object of JSON. */
export function isObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/** Return Protobuf's JSON of a message, with the names of its fields, as the gateway takes it. */
export function bareJson(desc: DescMessage, json: JsonValue): JsonValue {
  return fieldsOf(desc, json, (type, value) =>
    type.kind === "message" ? bareJson(type, value) : String(value).replace(prefixOf(type), ""),
  );
}

/** Return the gateway's JSON of a message as Protobuf has it; what it does not know it leaves out. */
export function protoJson(desc: DescMessage, json: JsonValue): JsonValue {
  return fieldsOf(desc, json, (type, value) => (type.kind === "message" ? protoJson(type, value) : enumValue(type, value)));
}

function fieldsOf(desc: DescMessage, json: JsonValue, translate: Translate): JsonValue {
  if (isWellKnown(desc) || !isObject(json)) {
    return json;
  }
  const found: JsonObject = {};
  for (const field of desc.fields) {
    const value = json[field.name];
    if (value !== undefined && value !== null) {
      found[field.name] = fieldValue(field, value, translate);
    } else if (field.message?.typeName === StatusSchema.typeName) {
      Object.assign(found, errorOf(field, json[`${field.name}s`]));
    }
  }
  return found;
}

function fieldValue(field: DescField, value: JsonValue, translate: Translate): JsonValue {
  const type = field.fieldKind === "map" ? undefined : (field.message ?? field.enum);
  if (type === undefined) {
    return value;
  }
  return Array.isArray(value) ? value.map((element) => translate(type, element)) : translate(type, value);
}

/** Return the error of an item, which the gateway has in a list, as a `google.rpc.Status`. */
function errorOf(field: DescField, errors: JsonValue | undefined): JsonObject {
  const [error] = Array.isArray(errors) ? errors : [];
  if (!isObject(error)) {
    return {};
  }
  const code = STATUS_CODES.indexOf(error["code"] as StatusCode);
  const reason = error["reason"] ?? "";
  const info = { "@type": `type.googleapis.com/${ErrorInfoSchema.typeName}`, reason, domain: DOMAIN };
  return { [field.name]: { code, message: error["message"] ?? "", details: reason === "" ? [] : [info] } };
}

/** Return the full name of an enum value. One that a newer server sent comes as its number. */
function enumValue(desc: DescEnum, value: JsonValue): JsonValue {
  const bare = String(value);
  return /^\d+$/.test(bare) ? Number(bare) : prefixOf(desc) + bare;
}

/** `BATCH_STATUS_` for `BatchStatus`. `sharedPrefix` of the descriptor is not set for `ReportType`, with its `10_K`. */
function prefixOf(desc: DescEnum): string {
  return `${desc.name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase()}_`;
}
