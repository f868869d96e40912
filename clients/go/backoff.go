package reports

import (
	"math/rand/v2"
	"time"
)

const (
	shortestWait = 100 * time.Millisecond
	// Small enough that a server that was restarted is found again within about a second.
	longestWait = time.Second
)

// backoff gives waits that double from 0.1 s to 1 s, each shortened at random by up to half, so that many clients of one
// server do not come back at the same moment. fraction returns a number from 0 to 1.
type backoff struct {
	fraction func() float64
	bound    time.Duration
}

func newBackoff() *backoff {
	return &backoff{fraction: rand.Float64, bound: shortestWait}
}

// reset starts again with the shortest wait, since something worked.
func (b *backoff) reset() {
	b.bound = shortestWait
}

// next returns how long to wait: never less than the server asked for in retryDelay.
func (b *backoff) next(retryDelay time.Duration) time.Duration {
	wait := time.Duration(float64(b.bound) * (1 - b.fraction()/2))
	b.bound = min(2*b.bound, longestWait)
	return max(retryDelay, 0) + wait
}
