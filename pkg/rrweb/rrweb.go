package rrweb

// Type is rrweb's EventType.
type Type int

// The event types of rrweb.
const (
	TypeDOMContentLoaded Type = iota
	TypeLoad
	TypeFullSnapshot
	TypeIncremental
	TypeMeta
	TypeCustom
	TypePlugin
)

// Source is rrweb's IncrementalSource: what an incremental snapshot is about.
type Source int

// SourceNone is the source of every event that is not an incremental snapshot.
const SourceNone Source = -1

// The incremental sources of rrweb.
const (
	SourceMutation Source = iota
	SourceMouseMove
	SourceMouseInteraction
	SourceScroll
	SourceViewportResize
	SourceInput
	SourceTouchMove
	SourceMediaInteraction
	SourceStyleSheetRule
	SourceCanvasMutation
	SourceFont
	SourceLog
	SourceDrag
	SourceStyleDeclaration
	SourceSelection
	SourceAdoptedStyleSheet
	SourceCustomElement
)

// InteractionNone is the interaction of every event that is not a mouse
// interaction.
const InteractionNone = -1

// InteractionClick is rrweb's MouseInteractions.Click.
const InteractionClick = 2

// Event is the envelope of one rrweb event.
type Event struct {
	Type        Type
	TimestampMs int64  // as the event says it, fraction dropped
	Source      Source // SourceNone unless Type is TypeIncremental
	Tag         string // data.tag of a custom event, data.plugin of a plugin event
	Interaction int    // data.type of a mouse interaction, else InteractionNone
}
