package clickhouse

import (
	"fmt"

	"github.com/playhead/playhead/pkg/index"
	"github.com/playhead/playhead/pkg/recording"
)

// mostWeight bounds what is inserted at once, because rows take several times
// their memory until they are: a pack of 8 MiB is inserted at once, a pack of 64
// MiB in six steps. A segment has the longest row.
const (
	segmentWeight = 10
	mostWeight    = 20_000
)

// portion is a part of a batch, with what all of the batch says of it.
type portion struct {
	index.Batch
	expiries expiries
}

func (p *portion) weight() int {
	return segmentWeight*len(p.Segments) + len(p.Withdrawn) + len(p.Moments) + len(p.Keyframes) + len(p.Texts)
}

// portionsOf cuts batches into portions, to be inserted in this order. When one of
// the batches is not valid, nothing is.
func (x *Index) portionsOf(batches []index.Batch) (all []portion, err error) {
	for _, b := range batches {
		if err := needProject(b.Project); err != nil {
			return nil, err
		}
		whole := portion{b, x.expiriesOf(b)}
		if err := whole.check(); err != nil {
			return nil, fmt.Errorf("%w: batch %s: %w", index.ErrQuery, b.Token, err)
		}
		of := whole.weight()/mostWeight + 1
		for i := range of {
			part := whole
			if i > 0 {
				part.Withdrawn = nil // before any moment that takes the place of one
			}
			part.Segments, part.Moments = cut(b.Segments, i, of), cut(b.Moments, i, of)
			part.Keyframes, part.Texts = cut(b.Keyframes, i, of), cut(b.Texts, i, of)
			all = append(all, part)
		}
	}
	return all, nil
}

// cut returns one of so many parts of a list.
func cut[T any](list []T, i, of int) []T { return list[len(list)*i/of : len(list)*(i+1)/of] }

// check says whether all that a batch holds is of its project, and when it may go.
func (p *portion) check() error {
	for _, s := range p.Segments {
		if s.Project != p.Project {
			return fmt.Errorf("it is of project %s and holds a segment of another", p.Project)
		}
	}
	for _, moments := range [][]recording.Moment{p.Withdrawn, p.Moments} {
		for _, m := range moments {
			if err := p.checkPart(m.SegmentID, "a moment"); err != nil {
				return err
			}
		}
	}
	for _, k := range p.Keyframes {
		if err := p.checkPart(k.SegmentID, "a keyframe"); err != nil {
			return err
		}
	}
	for _, s := range p.Texts {
		_, here := p.expiries.sessions[s.Session]
		if err := p.checkOwner(s.Project, s.Session, here, "text"); err != nil {
			return err
		}
	}
	return nil
}

func (p *portion) checkPart(id recording.SegmentID, what string) error {
	_, here := p.expiries.segments[id]
	return p.checkOwner(id.Project, id.Session, here, what)
}

// checkOwner checks the segment or session that something belongs to, which may be
// here, in the same batch.
func (p *portion) checkOwner(project recording.ProjectID, session recording.SessionID, here bool, what string) error {
	switch {
	case project != p.Project:
		return fmt.Errorf("it is of project %s and holds %s of another", p.Project, what)
	case !here && p.expiries.others.IsZero():
		return fmt.Errorf("it holds %s of session %s without its segment, and no class", what, session)
	}
	return nil
}

// together groups portions that are inserted at once.
func together(all []portion) (groups [][]portion) {
	first, weight := 0, 0
	for i := range all {
		w := all[i].weight()
		if i > first && weight+w > mostWeight {
			groups = append(groups, all[first:i])
			first, weight = i, 0
		}
		weight += w
	}
	return append(groups, all[first:])
}
