// Package dom is the document engine: it rebuilds a page's document from its
// rrweb events, answers questions about it (an element's name, a selector for
// it, the text that a user could see) and writes it back as a full snapshot
// with the same node ids.
//
// The document is the one that rrweb's Replayer makes of the same events,
// step for step: where rrweb renames an attribute, drops a node that has no
// parent, or gives up in the middle of a mutation, this package does so too.
// docs/conformance.md names the test that compares both. Layout, images, scripts
// and drawing are not its business, nor are moments, sessions or storage.
package dom
