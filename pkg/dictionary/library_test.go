package dictionary

import "time"

var now = time.UnixMilli(1763791872123)
