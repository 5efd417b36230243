package plugin

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/live"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/playback"
	"github.com/playhead/playhead/pkg/recording"
)

const (
	// pollEvery is how often a followed session is read: what is stored is
	// pushed after this time and a query's at the latest.
	pollEvery = 2 * time.Second

	// maxFollowed is how many rows are pushed at most. Every push holds all of
	// them, and Grafana cuts off a browser for which 4 MiB wait.
	maxFollowed = 1000
)

// Clock is the time as streams see it.
type Clock struct {
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
}

// SystemClock is the machine's.
var SystemClock = Clock{Now: time.Now, After: time.After}

// channel is what can be followed: the newest moments or lines of one session
// while it runs. Each message is the whole answer, because what comes later
// changes lines and moments that are there already. It has no schema: that of
// the query's frame stays, and its refId with it.
type channel struct {
	session recording.SessionID
	what    string // queryMoments or queryTranscript
	kinds   []recording.MomentKind
	limit   int
}

// path is session/<project>/<session>/<what>[.<kind>…]/<limit>.
func (c channel) path(project recording.ProjectID) string {
	what := []string{c.what}
	for _, kind := range c.kinds {
		what = append(what, string(kind))
	}
	return strings.Join([]string{"session", string(project), string(c.session), strings.Join(what, "."), strconv.Itoa(c.limit)}, "/")
}

// parseChannel reads a path of this project. There is one path for a channel,
// so that those who follow the same share it.
func parseChannel(path string, project recording.ProjectID) (channel, bool) {
	parts := strings.Split(path, "/")
	if len(parts) != 5 {
		return channel{}, false
	}
	id, err := recording.ParseSessionID(parts[2])
	if err != nil {
		return channel{}, false
	}
	what := strings.Split(parts[3], ".")
	c := channel{session: id, what: what[0]}
	for _, kind := range what[1:] {
		c.kinds = append(c.kinds, recording.MomentKind(kind))
	}
	c.limit, err = strconv.Atoi(parts[4])
	ok := err == nil && c.limit > 0 && c.limit <= maxFollowed && c.possible() && c.path(project) == path
	return c, ok
}

func (c channel) possible() bool {
	switch c.what {
	case queryTranscript:
		return len(c.kinds) == 0
	case queryMoments:
		return !slices.ContainsFunc(c.kinds, func(k recording.MomentKind) bool { return !slices.Contains(momentKinds, k) })
	}
	return false
}

// channelOf is what following a query means, if it can be followed.
func (q query) channelOf(session recording.SessionID) (channel, bool) {
	c := channel{session: session, what: q.Type, kinds: q.Kinds, limit: min(q.limitOr(maxFollowed), maxFollowed)}
	f := q.Find
	filtered := q.Text != "" || q.Trace != "" ||
		f.URL != "" || f.UserID != "" || f.Release != "" || f.Environment != "" || f.Browser != "" || f.Country != ""
	return c, q.Live && (q.Type == queryTranscript || !filtered)
}

// runs reports whether a session may go on.
func (d *Datasource) runs(s recording.Session) bool {
	return d.clock.Now().Sub(timeOf(s.EndMs)) < playback.IdleEnd
}

// followed answers a query for a session that runs with what its channel
// begins with; nil when it is answered as any other.
func (d *Datasource) followed(ctx context.Context, q query, session recording.Session) (*data.Frame, error) {
	c, ok := q.channelOf(session.ID)
	if !ok || !d.runs(session) {
		return nil, nil
	}
	id := live.Channel{Scope: live.ScopeDatasource, Namespace: d.self.UID, Path: c.path(d.settings.Project)}.String()
	if _, err := live.ParseChannel(id); err != nil {
		return nil, nil //nolint:nilerr // ids that are too long for a channel: the query is answered once
	}
	frame, err := d.state(ctx, c, session)
	if err != nil {
		return nil, err
	}
	frame.Meta.Channel = id
	if q.Type == queryMoments {
		q.noticeUnused(frame, "moments")
	}
	return frame, nil
}

// state is what a channel shows now.
func (d *Datasource) state(ctx context.Context, c channel, session recording.Session) (*data.Frame, error) {
	if c.what == queryTranscript {
		lines, err := d.reader.Transcript(ctx, c.session)
		if err != nil {
			return nil, err
		}
		frame, err := transcriptFrame(session, newest(lines, c.limit), d.links)
		return noticed(frame, c.limit, len(lines), "lines"), err
	}
	moments, err := d.reader.Moments(ctx, index.MomentQuery{SessionID: c.session, Kinds: c.kinds, Limit: maxMoments})
	if err != nil {
		return nil, err
	}
	frame := momentsFrame(newest(moments, c.limit), d.links)
	return noticed(frame, c.limit, len(moments), "moments"), nil
}

func newest[Row any](all []Row, limit int) []Row { return all[max(len(all)-limit, 0):] }

func noticed(frame *data.Frame, limit, rows int, what string) *data.Frame {
	if frame != nil && rows > limit {
		frame.AppendNotices(data.Notice{
			Severity: data.NoticeSeverityInfo,
			Text:     "Only the newest " + strconv.Itoa(limit) + " " + what + " are shown while the session runs.",
		})
	}
	return frame
}

// SubscribeStream lets those follow a session who may query: Grafana itself
// asks for the permission to query only when it is a query.
func (d *Datasource) SubscribeStream(ctx context.Context, req *backend.SubscribeStreamRequest) (*backend.SubscribeStreamResponse, error) {
	if !mayQuery(req.PluginContext.User) {
		return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusPermissionDenied}, nil
	}
	c, session, err := d.channel(ctx, req.Path)
	if errors.Is(err, index.ErrNotFound) {
		return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusNotFound}, nil
	}
	if err != nil {
		return nil, d.streamError(ctx, req.Path, err)
	}
	frame, err := d.state(ctx, c, session)
	if err != nil {
		return nil, d.streamError(ctx, req.Path, err)
	}
	// What was stored since the query.
	initial, err := backend.NewInitialFrame(frame, data.IncludeDataOnly)
	if err != nil {
		return nil, backend.PluginError(err)
	}
	return &backend.SubscribeStreamResponse{Status: backend.SubscribeStreamStatusOK, InitialData: initial}, nil
}

// mayQuery reports whether somebody has one of the roles that Grafana lets
// query a data source.
func mayQuery(user *backend.User) bool {
	return user != nil && slices.Contains([]string{"Viewer", "Editor", "Admin"}, user.Role)
}

// channel finds what a path follows; index.ErrNotFound when there is nothing.
func (d *Datasource) channel(ctx context.Context, path string) (channel, recording.Session, error) {
	if d.problem != nil {
		return channel{}, recording.Session{}, index.ErrNotFound
	}
	c, ok := parseChannel(path, d.settings.Project)
	if !ok {
		return channel{}, recording.Session{}, index.ErrNotFound
	}
	session, err := d.reader.Session(ctx, c.session)
	return c, session, err
}

// PublishStream refuses: sessions are written by the ingest server alone.
func (d *Datasource) PublishStream(context.Context, *backend.PublishStreamRequest) (*backend.PublishStreamResponse, error) {
	return &backend.PublishStreamResponse{Status: backend.PublishStreamStatusPermissionDenied}, nil
}

// RunStream pushes what a channel shows whenever it has changed. Grafana runs
// it once for all who follow a channel and cancels ctx when nobody does; it
// ends by itself when the session has ended. A store that does not answer is
// asked again.
func (d *Datasource) RunStream(ctx context.Context, req *backend.RunStreamRequest, sender *backend.StreamSender) error {
	var sent []byte
	failed := false
	for {
		state, goesOn, err := d.poll(ctx, req.Path)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // nobody listens any more
		}
		if err != nil && !failed {
			_ = d.streamError(ctx, req.Path, err)
		}
		failed = err != nil
		if !failed && !bytes.Equal(state, sent) {
			if err := sender.SendJSON(state); err != nil {
				return err
			}
			sent = state
		}
		if !goesOn {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.clock.After(pollEvery):
		}
	}
}

// poll returns the message with what a channel shows, and whether there can be
// more.
func (d *Datasource) poll(ctx context.Context, path string) (state []byte, goesOn bool, _ error) {
	c, session, err := d.channel(ctx, path)
	if err != nil {
		return nil, !errors.Is(err, index.ErrNotFound), err
	}
	frame, err := d.state(ctx, c, session)
	if err != nil {
		return nil, true, err
	}
	state, err = data.FrameToJSON(frame, data.IncludeDataOnly)
	return state, d.runs(session), err
}

// streamError logs an error of a store and returns what others may read of it.
func (d *Datasource) streamError(ctx context.Context, path string, err error) error {
	d.log.ErrorContext(ctx, "Session cannot be followed", "path", path, "error", d.settings.redact(err.Error()))
	return backend.DownstreamErrorf("a store does not answer")
}
