package reports

import (
	"errors"
	"time"

	"google.golang.org/grpc/codes"
)

// interruptions decides whether a stream that failed is opened again, and when.
//
// patience bounds the time until the stream has delivered anything at all, reconnectTimeout every later interruption;
// 0 means for ever.
type interruptions struct {
	patience         time.Duration
	reconnectTimeout time.Duration
	backoff          *backoff
	now              func() time.Time
	downSince        time.Time // Zero while the stream works.
	delivered        bool      // Anything, ever.
}

func newInterruptions(timeout, reconnectTimeout time.Duration) *interruptions {
	return &interruptions{
		patience: timeout, reconnectTimeout: reconnectTimeout, backoff: newBackoff(), now: time.Now, downSince: time.Now(),
	}
}

// alive notes that the stream delivered something.
func (i *interruptions) alive() {
	i.delivered = true
	i.downSince = time.Time{}
	i.patience = i.reconnectTimeout
	i.backoff.reset()
}

// cut tells whether the stream was interrupted, rather than refused by the server.
func (i *interruptions) cut(failure *Error) bool {
	if errors.Is(failure, ErrUnavailable) {
		return true
	}
	// Too many watchers or a slow one: a stream that was under way comes back when the server says, a new one is refused.
	if failure.RetryDelay > 0 && i.delivered {
		return true
	}
	switch failure.Code {
	// How a proxy or a killed server may end a stream. Without a reason they are not the server's word; they are believed
	// when they come at once, and taken for a cut when the stream worked before.
	case codes.Internal, codes.Unknown, codes.Canceled, codes.DeadlineExceeded:
		return failure.Reason == "" && i.downSince.IsZero()
	}
	return false
}

// wait returns how long to wait before the stream is opened again, and false when it was away for too long.
func (i *interruptions) wait(failure *Error) (time.Duration, bool) {
	now := i.now()
	if i.downSince.IsZero() {
		i.downSince = now
	}
	wait := i.backoff.next(failure.RetryDelay)
	return wait, i.patience == 0 || now.Sub(i.downSince)+wait < i.patience
}
