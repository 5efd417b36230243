package s3

import (
	"encoding/xml"
	"reflect"
	"testing"

	"github.com/minio/minio-go/v7/pkg/lifecycle"
)

func TestExpiries(t *testing.T) {
	const rules = `<LifecycleConfiguration>
<Rule><ID>all</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter><Expiration><Days>30</Days></Expiration></Rule>
<Rule><ID>packs</ID><Status>Enabled</Status><Filter><Prefix>rec/v1/shop/normal/</Prefix></Filter><Expiration><Days>14</Days></Expiration></Rule>
<Rule><ID>tagged</ID><Status>Enabled</Status><Filter><And><Prefix>rec/v1/shop/dictionary/</Prefix></And></Filter><Expiration><Days>7</Days></Expiration></Rule>
<Rule><ID>off</ID><Status>Disabled</Status><Filter><Prefix></Prefix></Filter><Expiration><Days>1</Days></Expiration></Rule>
<Rule><ID>uploads</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>
<Rule><ID>elsewhere</ID><Status>Enabled</Status><Filter><Prefix>logs/</Prefix></Filter><Expiration><Days>1</Days></Expiration></Rule>
</LifecycleConfiguration>`
	var parsed lifecycle.Configuration
	if err := xml.Unmarshal([]byte(rules), &parsed); err != nil {
		t.Fatal(err)
	}
	want := []Expiry{{"all", "", 30}, {"tagged", "v1/shop/dictionary/", 7}}
	if got := expiries(&parsed, "rec/", "v1/shop/dictionary/"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	want = []Expiry{{"all", "", 30}, {"packs", "v1/shop/normal/", 14}, {"tagged", "v1/shop/dictionary/", 7}}
	if got := expiries(&parsed, "rec/", "v1/"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
