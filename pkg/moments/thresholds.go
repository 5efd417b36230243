package moments

// Every threshold of every detector, with where its number comes from. "design"
// is the product's own definition of a signal; docs/signals.md defines each.
// Times are ms, distances CSS pixels.
const (
	// consequenceMs is how long after a click something still counts as its
	// consequence. Design: a click is dead when nothing happens within 1 s, which
	// is also how long a user's flow of thought stays uninterrupted (Nielsen,
	// "Response Times: The 3 Important Limits").
	consequenceMs = 1000

	// lateAnswerMs: an answer after 1 s makes a click slow, not dead, if the user
	// did nothing else in between. Sentry draws the line between slow and dead at
	// 3 s at the earliest.
	lateAnswerMs = 3000
	// deadClickWaitMs is how long a dead click waits for a request that began
	// with it and is recorded only when it ends; Nielsen's limit of attention.
	deadClickWaitMs = 10_000

	// Rage: 3 clicks within 30 px and 1 s, the numbers that other products
	// publish; as long as no more than 1 s passes it is the same burst.
	rageClicks   = 3
	rageMs       = 1000
	rageGapMs    = 1000
	rageRadiusPx = 30
	// rageTextClicks: three clicks on text select a paragraph.
	rageTextClicks = 4

	// doubleSubmitMs: who presses again within 2 s did not wait for an answer; a
	// double click has 0.5 s at most (Windows' GetDoubleClickTime default).
	doubleSubmitMs = 2000
	// leavingMs is how long after a form was sent twice the page may take to go.
	leavingMs = 5000

	// vanishedMs: design. A message that stood for less than 10 s may not have
	// been read (WCAG 2.2.1 asks for time limits that users can extend).
	vanishedMs = 10_000
	// handoverMs: frameworks rebuild a message in place; within this it is the
	// same one.
	handoverMs = 500
	// dismissedMs: what vanishes right after the user did something was dismissed.
	dismissedMs = 150
	// causeMs is how long before a message the click was that it is told of.
	causeMs = 2000

	// slowRequestMs is where Apdex calls a user frustrated: four times its
	// default target of 1 s.
	slowRequestMs = 4000

	// frozenMs: Nielsen's 1 s; Chrome's "unresponsive" is five times that and
	// Android's "frozen frame" 700 ms.
	frozenMs = 1000
	// frameMs is a frame at 60 Hz.
	frameMs = 1000.0 / 60
	// A burst of long frames ends when none was reported for as long as
	// browsers hold reports back.
	frameBurstMs = 2000
	// Layout thrash: so many frames in a row, so many of 60 Hz lost, while
	// scripts wrote so many styles. A quarter of a second without a frame is seen
	// by everybody.
	thrashFrames = 3
	thrashLost   = 15
	thrashWrites = 30

	// Thrashed cursor: direction reversed so often, with so much way between, in
	// 2 s. A hand that aims overshoots once or twice.
	cursorReversals = 6
	cursorTravelPx  = 100
	cursorMs        = 2000
	cursorPauseMs   = 10_000 // between two signals

	// Quick back: back on the page before after no more than 5 s; less than 0.5 s
	// is a program that redirects.
	quickBackMs    = 5000
	quickBackMinMs = 500

	// Error loop: the same error so often within 10 s.
	errorLoopCount = 5
	errorLoopMs    = 10_000

	// Blank page: nothing to see for as long after it loaded as pages may take
	// until they show something (Core Web Vitals call 3 s for the first paint
	// poor) and a second more.
	blankMs = 4000

	// Form abandoned: fields that were filled in. One field is a search or a
	// question.
	abandonedFields = 2

	// What changes by itself so often, each time within so long of the last, does
	// not answer a click: clocks, animations, tickers.
	backgroundTimes = 3
	backgroundMs    = 3000
)

// Bounds of what a window holds and finds.
const (
	maxDerived       = 5000 // moments that are not signals, of one window
	maxSignals       = 1000 // of one window
	maxPerEvent      = 90   // messages of one event
	maxMessages      = 32   // watched at a time
	maxClicks        = 32   // remembered
	maxRequests      = 64   // remembered
	maxErrors        = 64   // different ones of one page
	maxFailures      = 64   // different failed requests of one page
	maxForms         = 32   // of one page
	maxFieldsOfForm  = 64
	maxFrames        = 256 // of one burst
	maxStyleWrites   = 128 // events remembered
	maxMessageBytes  = 300
	maxNameBytes     = 120
	maxTextsOfPage   = 4096
	maxTextsOfWindow = 40_000
	maxTextBytes     = 1024
	maxDirty         = 256 // blocks whose text is still changing
	maxWalked        = 2000
	maxScreenPx      = 20_000 // of a coordinate; more is a mistake of the browser
	maxChain         = 1000   // clicks of one burst; the last replaces another one
	maxTurns         = 64     // of the pointer, remembered

	// What dom.Document.Work may be: 30 times the most of any recording of the
	// corpus for each byte of events.
	workAtFirst = 20_000_000
	workPerByte = 5
)
