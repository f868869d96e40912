package reports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	defaultHeartbeatInterval = 15 * time.Second // That of the contract, when the request sets none.
	silentIntervals          = 3
)

var errSilent = errors.New("no heartbeat")

// stream is a stream of messages that is opened again whenever it is cut.
type stream[Message any] struct {
	// open makes the next call.
	open func(context.Context) (grpc.ServerStreamingClient[Message], error)
	// hand hands out a message; false says that nobody wants another one.
	hand func(*Message) (bool, *Error)
	// waitAfter returns how long to wait before the next call, and false when another one does not help.
	waitAfter func(*Error) (time.Duration, bool)
	// onInterruption is told why there is a next call; may be nil.
	onInterruption func(error)
	// silenceLimit is how long the server may send nothing before the connection is taken for dead.
	silenceLimit time.Duration
	// transport has the connection that is dropped then.
	transport *droppable
}

// silenceLimit returns how long a stream may be silent whose request has this heartbeat interval.
func silenceLimit(heartbeatInterval *durationpb.Duration) time.Duration {
	if asked := heartbeatInterval.AsDuration(); asked > 0 {
		return silentIntervals * asked
	}
	return silentIntervals * defaultHeartbeatInterval
}

// follow hands out the messages until the server has ended the stream, nobody wants another one (nil both times), or it
// cannot be continued.
func (s *stream[Message]) follow(ctx context.Context) error {
	for {
		failure := s.receive(ctx)
		if failure == nil {
			return nil
		}
		if ctx.Err() != nil {
			return errorOf(ctx, ctx.Err())
		}
		wait, again := s.waitAfter(failure)
		if !again {
			return failure
		}
		if s.onInterruption != nil {
			s.onInterruption(failure)
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// receive hands out the messages of one call, which it leaves ended.
//
// Only the time spent waiting counts as silence, not what is done with a message.
func (s *stream[Message]) receive(ctx context.Context) *Error {
	own, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(s.silenceLimit, func() { cancel(errSilent) })
	defer watchdog.Stop()
	call, err := s.open(own)
	for err == nil {
		var message *Message
		if message, err = call.Recv(); err == nil {
			watchdog.Stop()
			if more, failure := s.hand(message); failure != nil || !more {
				return failure
			}
			watchdog.Reset(s.silenceLimit)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	if errors.Is(context.Cause(own), errSilent) {
		if call != nil {
			s.transport.drop(call.Context())
		}
		return &Error{
			Code:    codes.Unavailable,
			Message: fmt.Sprintf("the server sent nothing for %v, not even a heartbeat", s.silenceLimit),
			cause:   err,
		}
	}
	return errorOf(ctx, err)
}
