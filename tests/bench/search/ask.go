package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/tests/bench/rig"
)

// example is a session that is there.
type example struct{ session, user, trace string }

// examples takes sessions at random.
func examples(ctx context.Context, e *engine, d *database, n int, random *rand.Rand) ([]example, error) {
	numbers := make([]string, n)
	for i := range numbers {
		numbers[i] = fmt.Sprint(random.IntN(d.data.sessions))
	}
	text, err := e.run(ctx, d.name, d.data.sql(
		"WITH {rules}, 3 AS k SELECT session, known_user, {trace} FROM (SELECT arrayJoin(["+strings.Join(numbers, ",")+"]) AS number)", 0, 0))
	if err != nil {
		return nil, err
	}
	var all []example
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		all = append(all, example{session: f[0], user: f[1], trace: f[2]})
	}
	return all, nil
}

// asker asks one database, with other constants each time.
type asker struct {
	d        *database
	examples []example
	random   *rand.Rand
}

// question is one kind: run asks it the i-th time and returns how many it
// found, peer is the same for the peer, as SQL.
type question struct {
	name    string
	what    string
	run     func(ctx context.Context, a *asker, i int) (int, error)
	peer    func(a *asker, i int) string
	notNone bool // there is always something to find
}

var questions = []question{
	{name: "newest", what: "newest 50 sessions: of all time, of a day or a week somewhere in the month, or a next page", run: newest, peer: peerNewest, notNone: true},
	{name: "filter", what: "newest 50 of a week with a part of a URL (a page of which 2 % of the sessions have some), half of them with errors, and shortest duration, release, environment or browser", run: filter, peer: peerFilter},
	{name: "rare", what: "as filter, with a page that hardly any session has: the whole week must be looked at", run: rare, peer: peerRare},
	{name: "error", what: "newest 50 with errors, of all time, a day or a week", run: withErrors, peer: peerErrors, notNone: true},
	{name: "user", what: "newest 50 of a user, of all time", run: ofUser, peer: peerUser},
	{name: "url", what: "newest 50 with a part of a URL, of all time: a third each of pages that many visited, products, and orders that one session saw or none", run: ofURL, peer: peerURL},
	{name: "signal", what: "newest 50 with a signal, or with any, of all time, a day or a week", run: withSignal},
	{name: "seen", what: "newest 50 that saw a text, of all time: a third each of words that a fifth of the sessions saw, a declined payment at one bank, and orders that one session saw or none", run: sawText},
	{name: "phrase", what: "newest 50 that saw words in an order, of all time: a third each of what an eighth of the texts begin with, a declined payment at one bank, and words of many texts in an order that none has", run: sawPhrase},
	{name: "trace", what: "session of a trace id", run: ofTrace, notNone: true},
	{name: "segments", what: "stored segments of a session", run: segments, peer: peerSegments, notNone: true},
	{name: "moments", what: "moments of a session", run: moments, notNone: true},
}

// ask asks every question of both databases in turn, so that whatever else
// the machine does meets both.
func ask(ctx context.Context, e *engine, large, small *database) ([]rig.Result, error) {
	var results []rig.Result
	worst := rig.Result{Name: "search.growth", Unit: "ratio", Method: fmt.Sprintf("largest p95 at %d sessions by p95 at %d, over the kinds of questions", large.data.sessions, small.data.sessions)}
	for _, q := range questions {
		if !asked(q.name) {
			continue
		}
		var took [2][]time.Duration
		var cpu [2]time.Duration
		var askers [2]*asker
		for i, d := range []*database{large, small} {
			random := rig.Random(*seed)
			known, err := examples(ctx, e, d, *runs, random)
			if err != nil {
				return nil, err
			}
			askers[i] = &asker{d: d, examples: known, random: random}
		}
		for i := range *runs {
			for which, a := range askers {
				t, used, err := timed(ctx, e, q, a, i)
				if err != nil {
					return nil, err
				}
				took[which] = append(took[which], t)
				cpu[which] += used
			}
		}
		atLarge, atSmall := rig.Percentile(took[0], 0.95), rig.Percentile(took[1], 0.95)
		for i, sessions := range []int{large.data.sessions, small.data.sessions} {
			rig.Say("%-8s at %8d sessions: p50 %6.1f ms, p95 %6.1f ms, CPU of the engine %5.1f ms", q.name, sessions,
				rig.Percentile(took[i], 0.5), rig.Percentile(took[i], 0.95), float64(cpu[i].Milliseconds())/float64(*runs))
		}
		r := rig.Result{Name: "search." + q.name + "_p95_ms", Value: atLarge, Unit: "ms",
			Method: fmt.Sprintf("%s; %d sessions of one project in %d days, %d questions", q.what, large.data.sessions, days, *runs)}
		if q.peer != nil && *peerRuns > 0 {
			theirs, err := askPeer(ctx, e, q, askers[0])
			if err != nil {
				return nil, err
			}
			rig.Say("%-8s at %8d sessions: p95 %6.1f ms of the peer", q.name, large.data.sessions, theirs)
			r = r.Against(peerName, theirs)
		}
		growth := atLarge / atSmall
		worst.Value = max(worst.Value, growth)
		results = append(results, r, rig.Result{Name: "search." + q.name + "_growth", Value: growth, Unit: "ratio", Method: "p95 at ten times the sessions"})
	}
	return append(results, worst), nil
}

// timed asks once and returns how long it took, and how long the engine was at
// work.
func timed(ctx context.Context, e *engine, q question, a *asker, i int) (took, cpu time.Duration, err error) {
	before, err := rig.CPU(e.pid)
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	found, err := q.run(ctx, a, i)
	took = time.Since(begin)
	if err != nil {
		return 0, 0, fmt.Errorf("ask for %s: %w", q.name, err)
	}
	after, err := rig.CPU(e.pid)
	if err != nil {
		return 0, 0, err
	}
	if q.notNone && found == 0 {
		return 0, 0, fmt.Errorf("%s number %d in %s found nothing", q.name, i, a.d.name)
	}
	return took, after - before, nil
}

func (a *asker) sessions(ctx context.Context, q index.SessionQuery) (int, error) {
	q.Project = project
	page, err := a.d.index.Sessions(ctx, q)
	return len(page.Sessions), err
}

const dayMs = 24 * 3_600_000

// timeRange is all of time, a day, or a week.
func (a *asker) timeRange(i int) (fromMs, toMs int64) {
	long := []int64{0, dayMs, 7 * dayMs}[i%3]
	if long == 0 {
		return 0, 0
	}
	from := a.d.data.startMs + a.random.Int64N(days*dayMs-long)
	return from, from + long
}

func newest(ctx context.Context, a *asker, i int) (int, error) {
	from, to := a.timeRange(i)
	q := index.SessionQuery{FromMs: from, ToMs: to}
	if i%4 == 3 {
		q.Before = fmt.Sprintf("%d.0", a.d.data.startMs+dayMs+a.random.Int64N((days-1)*dayMs))
		q.FromMs, q.ToMs = 0, 0
	}
	return a.sessions(ctx, q)
}

func withErrors(ctx context.Context, a *asker, i int) (int, error) {
	from, to := a.timeRange(i)
	return a.sessions(ctx, index.SessionQuery{FromMs: from, ToMs: to, Errors: true})
}

// filters are the constants of one question with filters.
type filters struct {
	fromMs, toMs     int64
	url, release     string
	environment      string
	browser          string
	errors           bool
	shortestDuration int64
}

// filters are of sessions of which there are more than fit on a page.
func (a *asker) filters(i int) filters {
	f := filters{url: a.pagePart(), errors: i%2 == 0}
	f.fromMs, f.toMs = a.timeRange(2)
	switch i % 5 {
	case 0:
		f.shortestDuration = 60_000 + int64(a.random.IntN(600_000))
	case 1:
		f.environment = "staging"
	case 2:
		// The release that was current in the middle of the week.
		middle := (f.fromMs + f.toMs) / 2
		f.release = fmt.Sprintf("2026.%d.1", (middle-a.d.data.startMs)*40/(days*dayMs))
	case 3:
		f.browser = fmt.Sprintf("chrome/%d.", 100+a.random.IntN(50))
	case 4:
		f.shortestDuration, f.browser = 300_000, "iphone"
	}
	return f
}

// rareFilters are of sessions of which there are few or none.
func (a *asker) rareFilters(i int) filters {
	f := a.filters(i)
	f.url += fmt.Sprintf("/%d", 1+a.random.IntN(40))
	f.errors = true
	return f
}

func filter(ctx context.Context, a *asker, i int) (int, error) { return a.filtered(ctx, a.filters(i)) }

func rare(ctx context.Context, a *asker, i int) (int, error) {
	return a.filtered(ctx, a.rareFilters(i))
}

func (a *asker) filtered(ctx context.Context, f filters) (int, error) {
	return a.sessions(ctx, index.SessionQuery{
		FromMs: f.fromMs, ToMs: f.toMs, URL: f.url, Errors: f.errors, MinDurationMs: f.shortestDuration,
		Release: f.release, Environment: f.environment, UserAgent: f.browser,
	})
}

func ofUser(ctx context.Context, a *asker, i int) (int, error) {
	return a.sessions(ctx, index.SessionQuery{UserID: a.examples[i].user})
}

func ofURL(ctx context.Context, a *asker, i int) (int, error) {
	return a.sessions(ctx, index.SessionQuery{URL: a.urlPart(i)})
}

func (a *asker) urlPart(i int) string {
	switch i % 6 {
	case 0, 1:
		return a.pagePart()
	case 2, 3:
		return fmt.Sprintf("product/%d", 10_000+a.random.IntN(200_000))
	case 4:
		return fmt.Sprintf("/orders/%d", 50_000_000+a.random.IntN(a.d.data.sessions))
	}
	return fmt.Sprintf("/nowhere/%d", a.random.IntN(1000))
}

func withSignal(ctx context.Context, a *asker, i int) (int, error) {
	from, to := a.timeRange(i)
	names := []string{"rage_click", "dead_click", "failed_request", "error", "slow_request", "quick_back", "double_submit", "vanished_message", index.AnySignal}
	return a.sessions(ctx, index.SessionQuery{FromMs: from, ToMs: to, Signal: names[a.random.IntN(len(names))]})
}

func sawText(ctx context.Context, a *asker, i int) (int, error) {
	return a.sessions(ctx, index.SessionQuery{Seen: a.text(i)})
}

func (a *asker) text(i int) string {
	switch i % 6 {
	case 0, 1:
		return []string{"add cart", "delivery door", "reviews customer", "free returns"}[a.random.IntN(4)]
	case 2, 3:
		return fmt.Sprintf("payment declined bank%d", a.random.IntN(200))
	case 4:
		return fmt.Sprintf("order %d", 50_000_000+a.random.IntN(a.d.data.sessions))
	}
	return fmt.Sprintf("nowhere%d", a.random.IntN(1000))
}

func sawPhrase(ctx context.Context, a *asker, i int) (int, error) {
	var phrase string
	switch i % 6 {
	case 0, 1:
		phrase = []string{"add to cart", "delivery to your", "customer reviews", "free returns: product"}[a.random.IntN(4)]
	case 2, 3:
		phrase = fmt.Sprintf("payment declined by bank%d", a.random.IntN(200))
	case 4:
		phrase = "declined payment"
	case 5:
		phrase = "cart to add"
	}
	return a.sessions(ctx, index.SessionQuery{Seen: index.Phrase(phrase)})
}

func (a *asker) pagePart() string {
	first := []string{"account", "help", "category", "checkout", "cart", "search", "blog", "offers"}
	second := []string{"start", "list", "step-1", "step-2", "step-3", "payment", "summary", "address", "invoice", "overview"}
	return first[a.random.IntN(len(first))] + "/" + second[a.random.IntN(len(second))]
}

func ofTrace(ctx context.Context, a *asker, i int) (int, error) {
	return a.sessions(ctx, index.SessionQuery{TraceID: a.examples[i].trace})
}

func segments(ctx context.Context, a *asker, i int) (int, error) {
	found, err := a.d.index.Segments(ctx, project, recording.SessionID(a.examples[i].session))
	return len(found), err
}

func moments(ctx context.Context, a *asker, i int) (int, error) {
	found, err := a.d.index.Moments(ctx, index.MomentQuery{Project: project, SessionID: recording.SessionID(a.examples[i].session)})
	return len(found), err
}
