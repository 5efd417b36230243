package segment_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/playhead/playhead/pkg/recording"
	"github.com/playhead/playhead/pkg/segment"
)

var style = segment.Asset{Type: "text/css", Content: []byte("h1 { color: teal }\n")}

func TestAssetKey(t *testing.T) {
	id := segment.AssetIDOf(style.Content)
	key := segment.AssetKey("shop", id)
	if want := "v1/shop/asset/" + string(id); key != want {
		t.Errorf("key %s, want %s", key, want)
	}
	if project, parsed, err := segment.ParseAssetKey(key); err != nil || project != "shop" || parsed != id {
		t.Errorf("%s, %s, %v", project, parsed, err)
	}
	for _, bad := range []string{
		"", "v1/shop/asset/", "v2/shop/asset/" + string(id), "v1/Shop/asset/" + string(id), "v1/shop/assets/" + string(id),
		"v1/shop/asset/" + string(id) + "0", "v1/shop/asset/" + string(bytes.ToUpper([]byte(id))), "v1/shop/asset/../" + string(id),
		"/v1/shop/asset/" + string(id), "v1//asset/" + string(id),
	} {
		if _, _, err := segment.ParseAssetKey(bad); !errors.Is(err, segment.ErrKey) {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}

func TestAssetTypes(t *testing.T) {
	for text, want := range map[string]string{
		"image/png": "image/png", "IMAGE/SVG+XML; charset=utf-8": "image/svg+xml", "text/css;charset=x": "text/css", "font/woff2": "font/woff2",
		"": "", "text/html": "", "image/*": "", "application/javascript": "", "text/css\r\nx: y": "", "image/png, text/html": "",
	} {
		got, err := segment.ParseAssetType(text)
		var refused *recording.FieldError
		if got != want || (want == "") != errors.As(err, &refused) {
			t.Errorf("%q is %q (%v), want %q", text, got, err, want)
		}
	}
}

// TestStoredAssetsStayReadable: the first object of version 1, for ever.
func TestStoredAssetsStayReadable(t *testing.T) {
	path := filepath.Join("testdata", "v1", "style.asset")
	if *update {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			data, err := segment.AppendAssetObject(nil, style)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := segment.ReadAssetObject(data, segment.AssetIDOf(style.Content))
	if err != nil || a.Type != style.Type || !bytes.Equal(a.Content, style.Content) {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestDamagedAssets: no byte of an object can change unnoticed.
func TestDamagedAssets(t *testing.T) {
	id := segment.AssetIDOf(style.Content)
	good, err := segment.AppendAssetObject(nil, style)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if _, err := segment.ReadAssetObject(bad, id); !errors.Is(err, segment.ErrCorrupt) && !errors.Is(err, segment.ErrVersion) {
			t.Errorf("byte %d: error %v", i, err)
		}
		if _, err := segment.ReadAssetObject(good[:i], id); !errors.Is(err, segment.ErrCorrupt) {
			t.Errorf("cut at %d: error %v", i, err)
		}
	}
	newer := append([]byte("PHASST\x00\x02"), good[8:]...)
	if _, err := segment.ReadAssetObject(newer, id); !errors.Is(err, segment.ErrVersion) {
		t.Errorf("a newer version: %v", err)
	}
	for _, bad := range []segment.Asset{{Type: "text/html"}, {Type: "TEXT/CSS"}, {Type: "image/png", Content: make([]byte, segment.MaxAssetBytes+1)}} {
		if _, err := segment.AppendAssetObject(nil, bad); !errors.Is(err, segment.ErrRefused) {
			t.Errorf("%s, %d bytes: %v", bad.Type, len(bad.Content), err)
		}
	}
}

func FuzzReadAssetObject(f *testing.F) {
	good, err := segment.AppendAssetObject(nil, style)
	if err != nil {
		f.Fatal(err)
	}
	id := segment.AssetIDOf(style.Content)
	f.Add(good)
	f.Add(good[:13])
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := segment.ReadAssetObject(data, id)
		if err != nil {
			return
		}
		again, err := segment.AppendAssetObject(nil, a)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%v: written again it is another object", err)
		}
	})
}
