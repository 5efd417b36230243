package dictionary

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/playhead/playhead/pkg/objectstore"
	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

const (
	// lookUpEvery is how soon a dictionary of another server is noticed.
	lookUpEvery = 5 * time.Minute

	// lookUpAgain is when a look-up that failed is repeated.
	lookUpAgain = 30 * time.Second

	// storePatience ends a look-up and the storing of a dictionary when the store
	// neither answers nor fails: others wait behind it.
	storePatience = time.Minute

	// trustFor is how long a dictionary is used without the store saying that
	// it is still the current one.
	trustFor = time.Hour

	// soonest is how long after one training of a site the next may come.
	soonest = time.Minute

	// trainEvery is the same for a site that has a dictionary whose ratio got
	// worse, and compareEvery for one that has more samples than it was made of.
	trainEvery   = 10 * time.Minute
	compareEvery = time.Hour

	// rest is how many times as long as a training took no other one begins:
	// training has one percent of a core.
	rest = 99

	// dictionaryBytes bounds a dictionary. More made recordings of one site
	// in three smaller, and every small segment slower to encode.
	dictionaryBytes = 256 << 10

	// firstBytes is what the first few sessions must have in common to be
	// worth a dictionary; leastBytes, what all samples must, and how many new
	// ones can change anything.
	firstBytes = 64 << 10
	leastBytes = 4 << 10

	// maxAge is when a dictionary is compared with a new one even though its
	// ratio did not get worse.
	maxAge = 24 * time.Hour

	// worthwhile is how small the samples must become, in proportion, for a
	// dictionary to replace another.
	worthwhile = 0.95

	// stepEvery is how often Run looks for something to do.
	stepEvery = time.Second
)

// Run looks dictionaries up, trains and stores new ones until ctx is done.
func (l *Library) Run(ctx context.Context) {
	tick := time.NewTicker(stepEvery)
	defer tick.Stop()
	for {
		l.step(ctx)
		select {
		case <-tick.C:
		case <-l.wake:
		case <-ctx.Done():
			return
		}
	}
}

// step does all that is due now.
func (l *Library) step(ctx context.Context) {
	for ctx.Err() == nil {
		s := l.due()
		if s == nil {
			break
		}
		if err := l.refresh(ctx, s); err != nil && ctx.Err() == nil {
			l.failed(s, err)
		}
	}
	if s := l.trainable(); s != nil && ctx.Err() == nil {
		if err := l.renew(ctx, s); err != nil && ctx.Err() == nil {
			l.failed(s, err)
		}
	}
}

func (l *Library) failed(s *site, err error) {
	l.mu.Lock()
	l.stats.Failures++
	l.mu.Unlock()
	l.log.Warn("Dictionary of a site cannot be read or stored", "project", s.key.project, "site", s.key.site, "error", err)
}

// due returns a site whose current dictionary is to be looked up, and puts its
// next look-up off: to soon, in case this one fails.
func (l *Library) due() *site {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.recent.Front(); e != nil; e = e.Next() {
		if s := e.Value.(*site); s.used && !now.Before(s.lookUp) {
			s.lookUp = now.Add(lookUpAgain)
			return s
		}
	}
	return nil
}

// refresh takes over the dictionary that the store says is a site's current
// one.
func (l *Library) refresh(ctx context.Context, s *site) error {
	ctx, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	said, err := readSite(ctx, l.bucket, segment.SiteKey(s.key.project, s.key.site))
	if err != nil && !absent(err) {
		return err
	}
	broken := recording.DictionaryID("")
	if id := said.Dictionary; id != l.currentID(s) {
		var d *segment.Dictionary
		var info segment.DictionaryInfo
		if id != "" {
			if info, d, err = readDictionary(ctx, l.bucket, s.key.project, id); err != nil && !absent(err) {
				return err
			}
			if err != nil {
				broken = id
				l.failed(s, err)
			}
		}
		l.use(s, d, info)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.confirmed, s.used, s.broken = l.now(), false, broken
	s.lookUp = s.confirmed.Add(lookUpEvery)
	return nil
}

// absent reports whether an object can be made anew: there is none, or nobody
// will ever read it.
func absent(err error) bool {
	return errors.Is(err, objectstore.ErrNotFound) || errors.Is(err, segment.ErrCorrupt)
}

func (l *Library) currentID(s *site) recording.DictionaryID {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.dictionary == nil {
		return ""
	}
	return s.dictionary.ID()
}

// trainable returns a site whose time for a new dictionary has come.
func (l *Library) trainable() *site {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.idleUntil) {
		return nil
	}
	for e := l.recent.Front(); e != nil; e = e.Next() {
		s := e.Value.(*site)
		if s.confirmed.IsZero() || now.Before(s.train) || !s.wants(now) {
			continue
		}
		if s.samples.crowd().enough(all(len(s.samples.sessions))) {
			return s
		}
		s.train = now.Add(soonest) // not asked every second
	}
	return nil
}

// wants reports whether a site has new samples, has stored so much that sparing
// a part of it is worth two PUTs, and has a reason to look for a better
// dictionary: it has none; the last look is an hour ago and had half as many
// sessions, or is a day ago; its ratio got worse.
func (s *site) wants(now time.Time) bool {
	if s.samples.fresh < leastBytes || len(s.samples.sessions) < minPeople || s.stored < s.enough {
		return false
	}
	if s.dictionary == nil {
		return true
	}
	ago := now.Sub(s.looked)
	return ago >= maxAge || ago >= compareEvery && len(s.samples.sessions) >= 2*s.lookedAt || ago >= trainEvery && s.drift.worse
}

// renew makes a dictionary from a site's samples and, when it is worth it,
// stores it and makes it the current one.
func (l *Library) renew(ctx context.Context, s *site) error {
	begin := l.now()
	l.mu.Lock()
	frames := make([][][]byte, len(s.samples.sessions))
	rawBytes := 0
	for i, session := range s.samples.sessions {
		frames[i] = append(frames[i], session.frames...)
		rawBytes += session.rawBytes
	}
	crowd := s.samples.crowd()
	old := s.dictionary
	s.samples.fresh = 0
	s.drift.worse = false
	s.looked, s.lookedAt = begin, len(frames)
	s.train = begin.Add(soonest)
	l.stats.Trainings++
	l.mu.Unlock()

	d, spared, err := better(frames, rawBytes, crowd, old)
	l.mu.Lock()
	end := l.now()
	l.idleUntil = end.Add(rest * end.Sub(begin))
	if d != nil {
		s.enough = int64(float64(l.worthBytes) / spared)
	}
	worth := s.stored >= s.enough
	l.mu.Unlock()
	if d == nil || err != nil || !worth {
		return err
	}
	return l.publish(ctx, s, d, old, segment.DictionaryInfo{
		Project: s.key.project, Site: s.key.site, CreatedMs: end.UnixMilli(),
		Sessions: len(frames), People: crowd.people(),
	})
}

// better trains a dictionary from the frames of sessions, and says which part of
// their bytes it spares, above 0, beside the old one or none. It returns nil when
// the sessions have too little in common, or it is no better than the old one.
func better(frames [][][]byte, rawBytes int, c crowd, old *segment.Dictionary) (d *segment.Dictionary, spared float64, err error) {
	sessions := corpus{text: make([]byte, 0, rawBytes)}
	for i, list := range frames {
		for _, frame := range list {
			if sessions.text, err = segment.Decode(sessions.text, frame, sampleRawBytes, nil); err != nil {
				return nil, 0, fmt.Errorf("read sample: %w", err)
			}
			sessions.add(i)
		}
	}
	content := train(sessions, c, dictionaryBytes)
	least := firstBytes
	if len(frames) == sampleSessions || old != nil {
		least = leastBytes
	}
	if len(content) < least {
		return nil, 0, nil
	}
	if d, err = segment.NewDictionary(content); err != nil {
		return nil, 0, err
	}
	spared = 1 - float64(sessions.encodedBytes(d))/float64(sessions.encodedBytes(old))
	if spared < 1-worthwhile {
		return nil, 0, nil
	}
	return d, spared, nil
}

// encodedBytes is what the segments take with a dictionary, or without any.
func (c *corpus) encodedBytes(d *segment.Dictionary) (n int) {
	var frame []byte
	for _, p := range c.pieces {
		frame = segment.Encode(frame[:0], c.text[p.start:p.end], segment.EncodeOptions{Dictionary: d, Fast: true})
		n += len(frame)
	}
	return n
}

// publish stores a dictionary, then says in the store that it is current, then
// uses it: a frame never needs what is not stored. When another server was
// faster, its dictionary is taken.
func (l *Library) publish(ctx context.Context, s *site, d, old *segment.Dictionary, info segment.DictionaryInfo) error {
	ctx, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	key := segment.SiteKey(s.key.project, s.key.site)
	said, err := readSite(ctx, l.bucket, key)
	if err != nil && !absent(err) {
		return err
	}
	if said.Dictionary != "" && said.Dictionary != s.broken && (old == nil || said.Dictionary != old.ID()) {
		return l.refresh(ctx, s)
	}
	if other, _, err := readDictionary(ctx, l.bucket, s.key.project, d.ID()); err == nil && other.Site != s.key.site {
		return nil // Sweep must find the one site of a dictionary
	}
	object, err := segment.AppendDictionaryObject(nil, d, info)
	if err != nil {
		return err
	}
	if err := put(ctx, l.bucket, segment.DictionaryKey(s.key.project, d.ID()), object); err != nil {
		return err
	}
	if err := writeSite(ctx, l.bucket, key, segment.Site{Site: s.key.site, Dictionary: d.ID(), ChangedMs: info.CreatedMs}); err != nil {
		return err
	}
	l.use(s, d, info)
	l.mu.Lock()
	l.stats.Made++
	s.confirmed = l.now()
	s.train = s.confirmed.Add(soonest)
	l.mu.Unlock()
	l.log.Info("Dictionary stored", "project", s.key.project, "site", s.key.site,
		"dictionary", d.ID(), "bytes", d.Size(), "sessions", info.Sessions)
	return nil
}

func readDictionary(ctx context.Context, b objectstore.Bucket, project recording.ProjectID, id recording.DictionaryID) (segment.DictionaryInfo, *segment.Dictionary, error) {
	key := segment.DictionaryKey(project, id)
	data, err := get(ctx, b, key, segment.MaxDictionaryObjectBytes)
	if err != nil {
		return segment.DictionaryInfo{}, nil, err
	}
	info, d, err := segment.ReadDictionaryObject(data)
	if err == nil && info.ID != id {
		err = fmt.Errorf("%w: it is dictionary %s", segment.ErrCorrupt, info.ID)
	}
	if err != nil {
		return segment.DictionaryInfo{}, nil, fmt.Errorf("object %s: %w", key, err)
	}
	return info, d, nil
}

// readSite returns the zero Site with objectstore.ErrNotFound.
func readSite(ctx context.Context, b objectstore.Bucket, key string) (segment.Site, error) {
	data, err := get(ctx, b, key, segment.MaxSiteObjectBytes)
	if err != nil {
		return segment.Site{}, err
	}
	s, err := segment.ReadSiteObject(data)
	if err != nil {
		return segment.Site{}, fmt.Errorf("object %s: %w", key, err)
	}
	return s, nil
}

func writeSite(ctx context.Context, b objectstore.Bucket, key string, s segment.Site) error {
	data, err := segment.AppendSiteObject(nil, s)
	if err != nil {
		return err
	}
	return put(ctx, b, key, data)
}

// get reads a whole object of at most limit bytes; of a larger one, a byte
// more.
func get(ctx context.Context, b objectstore.Bucket, key string, limit int64) ([]byte, error) {
	r, err := b.Get(ctx, key, 0, limit+1)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", key, err)
	}
	return data, nil
}

func put(ctx context.Context, b objectstore.Bucket, key string, data []byte) error {
	if err := b.Put(ctx, key, bytes.NewReader(data), int64(len(data))); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}
