/** An upload as a form of multipart/form-data. */

import { type DescMessage, isMessage, type JsonObject, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

import { type Report, ReportSchema } from "../gen/fna/reports/v1/report_pb.js";
import { UploadReportRequestSchema } from "../gen/fna/reports/v1/report_service_pb.js";
import { bareJson } from "./bare_json.js";
import type { RestRequest } from "./route.js";

const PATH = "/v1/reports";

// What the form takes as text; the rest of a report is told by the file.
const FIELDS = ["company_id", "report_type", "title", "fiscal_period", "filing_date"];

/** Gather the messages of an upload into one request. */
export async function uploadRequest(messages: AsyncIterable<MessageInitShape<DescMessage>>): Promise<RestRequest> {
  let report: Report | undefined;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const message of messages) {
    if (isMessage(message, UploadReportRequestSchema)) {
      const { case: kind, value } = message.payload;
      if (kind === "header") {
        report = value.report;
      } else if (kind === "chunk") {
        chunks.push(value as Uint8Array<ArrayBuffer>);
      }
    }
  }
  if (report === undefined) {
    throw new ConnectError("an upload begins with a header that has a report", Code.InvalidArgument);
  }
  return { method: "POST", path: PATH, body: formOf(report, chunks) };
}

/** Return the form; its fields come before the file that they describe. */
function formOf(report: Report, chunks: Uint8Array<ArrayBuffer>[]): FormData {
  const form = new FormData();
  const json = bareJson(ReportSchema, toJson(ReportSchema, report, { useProtoFieldName: true })) as JsonObject;
  for (const name of FIELDS) {
    if (json[name] !== undefined) {
      form.append(name, String(json[name]));
    }
  }
  form.append("file", new Blob(chunks, { type: report.contentType }), report.fileName);
  return form;
}
