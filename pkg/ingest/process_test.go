package ingest

const childEnv = "PLAYHEAD_INGEST_TEST_CHILD"

func child() int { return 0 }
