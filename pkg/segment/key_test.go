package segment_test

import (
	"errors"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/playhead/playhead/pkg/segment"
)

func TestPackKey(t *testing.T) {
	id := ulid.MustParse("01KAM4Z3EV0123456789ABCDEF")
	key := segment.PackKey("shop", "normal", id)
	const want = "v1/shop/normal/2025/11/21/21/01KAM4Z3EV0123456789ABCDEF.pack"
	if key != want {
		t.Fatalf("got %s, want %s", key, want)
	}
	project, class, parsed, err := segment.ParsePackKey(key)
	if err != nil || project != "shop" || class != "normal" || parsed != id {
		t.Errorf("got %s %s %s %v", project, class, parsed, err)
	}
}

func TestParsePackKeyRefuses(t *testing.T) {
	for _, key := range []string{
		"",
		"v1/shop/normal/2025/11/21/21/01KAM4Z3EV0123456789ABCDEF",       // no suffix
		"v1/shop/normal/2025/11/21/22/01KAM4Z3EV0123456789ABCDEF.pack",  // another hour
		"v1/shop/normal/2025/11/21/21/01kam4z3ev0123456789abcdef.pack",  // lower case
		"v1/shop/normal/2025/11/21/21/01KAM4Z3EV0123456789ABCDEU.pack",  // not base 32
		"v1/shop/normal/2025/11/21/21/81KAM4Z3EV0123456789ABCDEF.pack",  // overflow
		"v2/shop/normal/2025/11/21/21/01KAM4Z3EV0123456789ABCDEF.pack",  // version
		"v1/Shop/normal/2025/11/21/21/01KAM4Z3EV0123456789ABCDEF.pack",  // project
		"v1/shop/Nor mal/2025/11/21/21/01KAM4Z3EV0123456789ABCDEF.pack", // class
		"v1/shop//normal/2025/11/21/21/01KAM4Z3EV0123456789ABCDEF.pack",
		"/v1/shop/normal/2025/11/21/21/01KAM4Z3EV0123456789ABCDEF.pack",
		"v1/../normal/2025/11/21/21/01KAM4Z3EV0123456789ABCDEF.pack",
	} {
		if _, _, _, err := segment.ParsePackKey(key); !errors.Is(err, segment.ErrKey) {
			t.Errorf("%q: %v", key, err)
		}
	}
}
