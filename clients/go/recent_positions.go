package reports

// recentPositions remembers the sequence of the last event of each batch: of as many batches as limit that had events most
// recently, and of up to as many again.
type recentPositions struct {
	limit         int
	newest, older map[string]int64
}

func newRecentPositions(limit int) *recentPositions {
	return &recentPositions{limit: limit, newest: map[string]int64{}}
}

// of returns the sequence of the last event of a batch, nowhere when none is known.
func (p *recentPositions) of(batchID string) int64 {
	if last, known := p.newest[batchID]; known {
		return last
	}
	if last, known := p.older[batchID]; known {
		return last
	}
	return nowhere
}

// move notes that a batch had an event.
func (p *recentPositions) move(batchID string, sequence int64) {
	p.newest[batchID] = sequence
	if len(p.newest) >= p.limit {
		p.newest, p.older = map[string]int64{}, p.newest
	}
}
