package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc/codes"

	reports "github.com/fna-reports/fna-reports/clients/go"
)

// command is one line of input.
type command struct {
	ID        json.RawMessage `json:"id"`
	Call      string          `json:"call"`
	Arguments json.RawMessage `json:"arguments"`
}

// driver runs commands, each in a goroutine, and writes what they come to.
type driver struct {
	client  *reports.Client
	running sync.WaitGroup
	output  lines
	mutex   sync.Mutex
	watches map[string]*watch
}

// watch is one that runs.
type watch struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

func newDriver(client *reports.Client, output io.Writer) *driver {
	return &driver{client: client, output: lines{encoder: json.NewEncoder(output)}, watches: map[string]*watch{}}
}

// wait returns when all commands have ended.
func (d *driver) wait() {
	d.running.Wait()
}

// start runs the command of a line. A watch can be stopped from the moment that it returns.
func (d *driver) start(ctx context.Context, line []byte) {
	given := command{Arguments: json.RawMessage("{}")}
	if err := json.Unmarshal(line, &given); err != nil {
		d.output.write(answer{ID: json.RawMessage("null"), Error: errorBody(unimplemented("a line that is no JSON: %v", err))})
		return
	}
	if _, known := watches[given.Call]; known {
		watching, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		d.mutex.Lock()
		d.watches[string(given.ID)] = &watch{cancel: cancel, ended: ended}
		d.mutex.Unlock()
		d.running.Go(func() {
			defer close(ended)
			defer cancel()
			d.watch(watching, given)
		})
		return
	}
	d.running.Go(func() { d.call(ctx, given) })
}

func (d *driver) call(ctx context.Context, given command) {
	result, err := d.result(ctx, given)
	if err != nil {
		d.output.write(answer{ID: given.ID, Error: errorBody(err)})
		return
	}
	d.output.write(answer{ID: given.ID, Result: result})
}

func (d *driver) result(ctx context.Context, given command) (any, error) {
	if given.Call == "stop" {
		return d.stop(given)
	}
	call, known := calls[given.Call]
	if !known {
		return nil, unimplemented("there is no call %q", given.Call)
	}
	return call(ctx, d.client, given.Arguments)
}

// stop ends a watch as a user would, and returns when that has said so.
func (d *driver) stop(given command) (any, error) {
	var arguments struct {
		Call json.RawMessage `json:"call"`
	}
	if err := json.Unmarshal(given.Arguments, &arguments); err != nil {
		return nil, err
	}
	d.mutex.Lock()
	found := d.watches[string(arguments.Call)]
	d.mutex.Unlock()
	if found == nil {
		return nil, fmt.Errorf("there was no watch %s", arguments.Call)
	}
	found.cancel()
	<-found.ended
	return struct{}{}, nil
}

func (d *driver) watch(ctx context.Context, given command) {
	interrupted := func(cause error) { d.output.write(answer{ID: given.ID, Interrupted: errorBody(cause)}) }
	found, err := watches[given.Call](ctx, d.client, given.Arguments, interrupted)
	if err != nil {
		d.output.write(answer{ID: given.ID, Error: errorBody(err)})
		return
	}
	for event, err := range found {
		switch {
		case errors.Is(err, context.Canceled):
			// Stopped: it is done.
		case err != nil:
			d.output.write(answer{ID: given.ID, Error: errorBody(err)})
			return
		default:
			d.output.write(answer{ID: given.ID, Event: message{event}})
		}
	}
	d.output.write(answer{ID: given.ID, Done: true})
}

func unimplemented(format string, values ...any) error {
	return &reports.Error{Code: codes.Unimplemented, Message: fmt.Sprintf(format, values...)}
}
