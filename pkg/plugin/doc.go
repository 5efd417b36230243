// Package plugin is the backend of the Grafana data source: it turns settings
// into two open stores, queries into frames and resource calls into the
// Playback API.
//
// It only reads. What a recording is and how it is read belongs to
// pkg/playback, where links lead to pkg/links; which stores there are, only
// the program knows that calls NewFactory.
package plugin
