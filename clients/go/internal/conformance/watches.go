package main

import (
	"context"
	"encoding/json"
	"iter"

	reports "github.com/fna-reports/fna-reports/clients/go"
	reportsv1 "github.com/fna-reports/fna-reports/clients/go/fna/reports/v1"
)

type events = iter.Seq2[*reportsv1.BatchEvent, error]

// watches has what each call that is a watch yields, given its arguments, which are JSON, and who is told of interruptions.
var watches = map[string]func(context.Context, *reports.Client, json.RawMessage, func(error)) (events, error){
	"watch":         watching(watchBatch),
	"watch_batches": watching(watchBatches),
}

// watching reads the arguments of a watch.
func watching[Arguments any](
	watch func(context.Context, *reports.Client, Arguments, func(error)) events,
) func(context.Context, *reports.Client, json.RawMessage, func(error)) (events, error) {
	return func(
		ctx context.Context, client *reports.Client, given json.RawMessage, interrupted func(error),
	) (events, error) {
		var arguments Arguments
		if err := json.Unmarshal(given, &arguments); err != nil {
			return nil, err
		}
		return watch(ctx, client, arguments, interrupted), nil
	}
}

type watchArguments struct {
	batchArguments
	AfterSequence    *int64  `json:"after_sequence"`
	HeartbeatSeconds float64 `json:"heartbeat_seconds"`
}

func watchBatch(
	ctx context.Context, client *reports.Client, given watchArguments, interrupted func(error),
) events {
	return given.batch(client).Events(ctx, &reports.EventsOptions{
		AfterSequence:     given.AfterSequence,
		HeartbeatInterval: seconds(given.HeartbeatSeconds),
		OnInterruption:    interrupted,
	})
}

type watchBatchesArguments struct {
	Statuses         []string          `json:"statuses"`
	Labels           map[string]string `json:"labels"`
	BatchIDs         []string          `json:"batch_ids"`
	HeartbeatSeconds float64           `json:"heartbeat_seconds"`
}

func watchBatches(
	ctx context.Context, client *reports.Client, given watchBatchesArguments, interrupted func(error),
) events {
	options := &reports.WatchBatchesOptions{
		Labels:            given.Labels,
		BatchIDs:          given.BatchIDs,
		HeartbeatInterval: seconds(given.HeartbeatSeconds),
		OnInterruption:    interrupted,
	}
	for _, name := range given.Statuses {
		options.Statuses = append(options.Statuses, reportsv1.BatchStatus(reportsv1.BatchStatus_value[name]))
	}
	return func(yield func(*reportsv1.BatchEvent, error) bool) {
		for message, err := range client.WatchBatches(ctx, options) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, event := range message.Events {
				if !yield(event, nil) {
					return
				}
			}
		}
	}
}
