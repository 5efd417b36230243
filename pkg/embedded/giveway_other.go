//go:build unix && !linux

package embedded

// giveWay does nothing where threads have no priority of their own.
func giveWay() error { return nil }
