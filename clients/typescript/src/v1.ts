/**
 * The messages, enums and services of the contract `fna.reports.v1`, generated from it, and those of `google.rpc` that are in them.
 *
 * @packageDocumentation
 */

export * from "./gen/fna/reports/v1/batch_pb.js";
export * from "./gen/fna/reports/v1/batch_status_service_pb.js";
export * from "./gen/fna/reports/v1/batch_submission_service_pb.js";
export * from "./gen/fna/reports/v1/report_pb.js";
export * from "./gen/fna/reports/v1/report_service_pb.js";
export * from "./gen/fna/reports/v1/webhook_pb.js";
export * from "./gen/google/rpc/error_details_pb.js";
export * from "./gen/google/rpc/status_pb.js";
