package dom

import "strings"

// collapse makes every run of white space one space and removes it at the
// ends.
func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }
