package dom

type hidingRules struct{}
