package moments

// The parts of derived moments. Those of one kind that begin at one event are
// numbered from here.
const (
	partGap = 1
)
