package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/playhead/playhead/pkg/recording"
)

// keepTime is how long something is kept: whole days as "14d", or hours and
// minutes as "36h".
type keepTime time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *keepTime) UnmarshalText(text []byte) error {
	if days, found := strings.CutSuffix(string(text), "d"); found {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return errors.New("must be a number of days like 14d")
		}
		*k = keepTime(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return errors.New("must be a number of days like 14d, or hours like 36h")
	}
	*k = keepTime(d)
	return nil
}

func (k keepTime) validate() error {
	if k <= 0 {
		return errors.New("must be more than nothing; leave the class out to keep it for ever")
	}
	return nil
}

func keepTimes(classes map[recording.Class]keepTime) map[recording.Class]time.Duration {
	kept := make(map[recording.Class]time.Duration, len(classes))
	for class, k := range classes {
		kept[class] = time.Duration(k)
	}
	return kept
}
