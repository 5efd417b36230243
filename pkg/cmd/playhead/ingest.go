package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

func runIngest(ctx context.Context, c *call) (err error) {
	check := c.flags.Bool("check-config", false, "check the configuration and exit")
	flags := c.configFlags()
	if err := c.parseNoWords(); err != nil {
		return err
	}
	cfg, err := flags.load()
	if err != nil {
		return err
	}
	if *check {
		if err := cfg.checkFiles(); err != nil {
			return err
		}
		fmt.Fprintln(c.stdout, flags.file, "is good")
		return nil
	}
	level := new(slog.LevelVar)
	level.Set(cfg.Log)
	log := newLog(c.stderr, level)
	s, err := openStores(ctx, cfg, false, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	v, err := newService(ctx, cfg, s, log)
	if err != nil {
		return err
	}
	reload := newReloader(flags, cfg, v, level)
	log.Info("accepting segments", "address", v.listener.Addr().String(), "version", version)
	if v.page != nil {
		log.Info("serving the standalone page", "address", v.page.Addr().String())
	}
	following, stop := context.WithCancel(ctx)
	var follower sync.WaitGroup
	follower.Go(func() { reload.run(following) })
	defer follower.Wait()
	defer stop()
	return v.runMigrated(ctx)
}

func runMigrate(ctx context.Context, c *call) (err error) {
	flags := c.configFlags()
	if err := c.parseNoWords(); err != nil {
		return err
	}
	cfg, err := flags.load()
	if err != nil {
		return err
	}
	s, err := openStores(ctx, cfg, true, newLog(c.stderr, cfg.Log))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return s.index.Migrate(ctx)
}
