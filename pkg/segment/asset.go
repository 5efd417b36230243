package segment

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"mime"
	"regexp"
	"slices"
	"strings"

	"github.com/playhead/playhead/pkg/recording"
)

// MaxAssetBytes bounds the content of an asset, whatever a server is configured
// to accept: what a reader takes into memory.
const MaxAssetBytes = 16 << 20

// AssetID names an asset by its content: the SHA-256 of it, 64 hex digits in
// lower case.
type AssetID string

// Asset is a file that a recorded page shows: a picture, a font, a style sheet.
type Asset struct {
	Type    string // one of the types of ParseAssetType
	Content []byte
}

const (
	assetFolder    = "asset"
	assetMagic     = "PHASST\x00\x01" // the last two bytes are the version, big endian
	assetHeadBytes = 13               // magic, checksum, length of the type
)

// MaxAssetObjectBytes bounds the object of an asset.
const MaxAssetObjectBytes = assetHeadBytes + 255 + MaxAssetBytes

var assetIDPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// assetTypes are the types that a replay can make use of. Some of them can hold
// scripts or load other files, so that whoever serves an asset must see to it
// that a browser does neither.
var assetTypes = []string{
	"font/collection", "font/otf", "font/ttf", "font/woff", "font/woff2",
	"image/apng", "image/avif", "image/bmp", "image/gif", "image/jpeg", "image/png", "image/svg+xml",
	"image/vnd.microsoft.icon", "image/webp", "image/x-icon",
	"text/css",
}

// ParseAssetType reads a Content-Type and returns the type without parameters,
// in lower case; a *recording.FieldError when assets cannot have it.
func ParseAssetType(s string) (string, error) {
	kind, _, err := mime.ParseMediaType(s)
	if err != nil || !slices.Contains(assetTypes, kind) {
		return "", &recording.FieldError{Field: "Content-Type", Limit: strings.Join(assetTypes, ", ")}
	}
	return kind, nil
}

// AssetIDOf returns the id of a content.
func AssetIDOf(content []byte) AssetID {
	sum := sha256.Sum256(content)
	return AssetID(hex.EncodeToString(sum[:]))
}

// ParseAssetID checks an id.
func ParseAssetID(s string) (AssetID, error) {
	if !assetIDPattern.MatchString(s) {
		return "", &recording.FieldError{Field: "sha256", Limit: assetIDPattern.String()}
	}
	return AssetID(s), nil
}

// AssetKey returns the object key of an asset: v1/<project>/asset/<id>.
func AssetKey(project recording.ProjectID, id AssetID) string {
	return strings.Join([]string{keyVersion, string(project), assetFolder, string(id)}, "/")
}

// ParseAssetKey takes a key of AssetKey apart. Any other spelling is refused
// with ErrKey.
func ParseAssetKey(key string) (recording.ProjectID, AssetID, error) {
	parts := strings.Split(key, "/")
	if len(parts) != 4 {
		return "", "", fmt.Errorf("%w: %d path elements, want 4", ErrKey, len(parts))
	}
	project, err := recording.ParseProjectID(parts[1])
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrKey, err)
	}
	id, err := ParseAssetID(parts[3])
	if err != nil || AssetKey(project, id) != key {
		return "", "", fmt.Errorf("%w: version, folder or id", ErrKey)
	}
	return project, id, nil
}

// AppendAssetObject appends the object that stores an asset to dst.
func AppendAssetObject(dst []byte, a Asset) ([]byte, error) {
	if !slices.Contains(assetTypes, a.Type) || len(a.Content) > MaxAssetBytes {
		return nil, fmt.Errorf("make asset object: %w: type %q, %d bytes", ErrRefused, a.Type, len(a.Content))
	}
	dst = append(dst, assetMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, assetSum(a.Type))
	dst = append(dst, byte(len(a.Type)))
	dst = append(dst, a.Type...)
	return append(dst, a.Content...), nil
}

func assetSum(kind string) uint32 {
	sum := crc32.Checksum([]byte(assetMagic), castagnoli)
	return crc32.Update(sum, castagnoli, append([]byte{byte(len(kind))}, kind...))
}

// ReadAssetObject reads what AppendAssetObject wrote, in the memory of data. It
// returns ErrCorrupt when the bytes are not those of the asset with the id, and
// ErrVersion when a newer program wrote them, both wrapped.
func ReadAssetObject(data []byte, id AssetID) (Asset, error) {
	a, err := readAssetObject(data)
	if err == nil && AssetIDOf(a.Content) != id {
		err = fmt.Errorf("%w: content is not that of asset %s", ErrCorrupt, id)
	}
	if err != nil {
		return Asset{}, fmt.Errorf("read asset object: %w", err)
	}
	return a, nil
}

func readAssetObject(data []byte) (Asset, error) {
	if len(data) < assetHeadBytes {
		return Asset{}, fmt.Errorf("%w: %d bytes are too few", ErrCorrupt, len(data))
	}
	if err := checkMagic(data[:len(assetMagic)], assetMagic); err != nil {
		return Asset{}, err
	}
	end := assetHeadBytes + int(data[assetHeadBytes-1])
	if len(data) < end {
		return Asset{}, fmt.Errorf("%w: the type ends beyond the object", ErrCorrupt)
	}
	a := Asset{Type: string(data[assetHeadBytes:end]), Content: data[end:]}
	if binary.LittleEndian.Uint32(data[8:]) != assetSum(a.Type) {
		return Asset{}, fmt.Errorf("%w: checksum", ErrCorrupt)
	}
	if !slices.Contains(assetTypes, a.Type) {
		return Asset{}, fmt.Errorf("%w: type %q", ErrCorrupt, a.Type)
	}
	return a, nil
}
