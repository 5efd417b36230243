package traffic

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"
)

// syntheticSessions is the number of sessions of the built-in site: as many as
// a dictionary needs, and one more to use it.
const syntheticSessions = 4

// Synthetic makes recordings of one site that nobody visited, for machines
// without the corpus: a page with a style sheet and a list that is sorted and
// filtered, pointer movements, clicks, and a second page. Their sizes and
// ratios stand for nothing.
func Synthetic(start time.Time) ([]*Recording, error) {
	recordings := make([]*Recording, syntheticSessions)
	for i := range recordings {
		r, err := Read(fmt.Sprintf("synthetic-%d", i), syntheticEvents(rand.New(rand.NewPCG(uint64(i), 1))), start)
		if err != nil {
			return nil, err
		}
		recordings[i] = r
	}
	return recordings, nil
}

// syntheticEvents are the events of one session of 40 s.
func syntheticEvents(random *rand.Rand) []byte {
	var events bytes.Buffer
	ms := int64(0)
	event := func(kind int, data string) {
		separator := ","
		if events.Len() == 0 {
			separator = "["
		}
		fmt.Fprintf(&events, `%s{"type":%d,"data":%s,"timestamp":%d}`, separator, kind, data, ms)
	}
	for page := range 2 {
		event(4, fmt.Sprintf(`{"href":"https://synthetic.example/page/%d","width":1280,"height":720}`, page))
		event(2, fmt.Sprintf(`{"node":%s,"initialOffset":{"left":0,"top":0}}`, syntheticDocument(random)))
		for range 200 {
			ms += 50 + random.Int64N(100)
			switch random.IntN(10) {
			case 0:
				event(3, fmt.Sprintf(`{"source":0,"texts":[{"id":%d,"value":"%s"}],"attributes":[],"removes":[],"adds":[]}`, 10+random.IntN(200), syntheticText(random)))
			case 1:
				event(3, fmt.Sprintf(`{"source":2,"type":2,"id":%d,"x":%d,"y":%d}`, 10+random.IntN(200), random.IntN(1280), random.IntN(720)))
			default:
				event(3, fmt.Sprintf(`{"source":1,"positions":[{"x":%d,"y":%d,"id":%d,"timeOffset":-%d}]}`, random.IntN(1280), random.IntN(720), 10+random.IntN(200), random.IntN(50)))
			}
		}
	}
	events.WriteByte(']')
	return events.Bytes()
}

func syntheticDocument(random *rand.Rand) string {
	var style, items bytes.Buffer
	for i := range 300 {
		fmt.Fprintf(&style, ".item-%d > .label { color: #%06x; padding: %dpx %dpx; border-radius: 4px; } ", i, i*4099, i%7, i%11)
	}
	for i := range 200 {
		if i > 0 {
			items.WriteByte(',')
		}
		fmt.Fprintf(&items, `{"type":2,"tagName":"li","attributes":{"class":"item-%d"},"childNodes":[{"type":3,"textContent":"%s","id":%d}],"id":%d}`, i, syntheticText(random), 10+i, 500+i)
	}
	return fmt.Sprintf(`{"type":0,"childNodes":[{"type":1,"name":"html","publicId":"","systemId":"","id":2},{"type":2,"tagName":"html","attributes":{},"childNodes":[{"type":2,"tagName":"head","attributes":{},"childNodes":[{"type":2,"tagName":"style","attributes":{"_cssText":"%s"},"childNodes":[],"id":5}],"id":4},{"type":2,"tagName":"body","attributes":{},"childNodes":[{"type":2,"tagName":"ul","attributes":{},"childNodes":[%s],"id":7}],"id":6}],"id":3}],"id":1}`, style.String(), items.String())
}

func syntheticText(random *rand.Rand) string {
	words := []string{"order", "invoice", "customer", "shipping", "address", "total", "tax", "open", "paid", "late"}
	return fmt.Sprintf("%s %s %d", words[random.IntN(len(words))], words[random.IntN(len(words))], random.IntN(100_000))
}
