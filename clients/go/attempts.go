package reports

import (
	"errors"
	"time"
)

// attempts decides after each failed attempt of a call whether there is another one, and when.
//
// Only UNAVAILABLE is tried again: it is safe for every call of the service, since reads change nothing and writes carry
// a request id or are idempotent by themselves.
type attempts struct {
	backoff *backoff
	now     func() time.Time
	endsAt  time.Time
}

func newAttempts(timeout time.Duration) *attempts {
	return &attempts{backoff: newBackoff(), now: time.Now, endsAt: time.Now().Add(timeout)}
}

// waitAfter returns how long to wait before the next attempt, and false when another one does not help or would come too
// late.
func (a *attempts) waitAfter(failure *Error) (time.Duration, bool) {
	if !errors.Is(failure, ErrUnavailable) {
		return 0, false
	}
	wait := a.backoff.next(failure.RetryDelay)
	return wait, wait < a.endsAt.Sub(a.now())
}
