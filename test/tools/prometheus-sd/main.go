// Prometheus' own discovery of services in Nomad's API and in Consul, by itself: reads the scrape_configs of a prometheus.yml, and keeps
// what they find, after their relabel_configs, in a file as file_sd_configs take it. Distributions' builds of Prometheus leave both
// discoveries out; with this before them they scrape what the real ones find.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"github.com/go-kit/log"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	_ "github.com/prometheus/prometheus/discovery/consul"
	_ "github.com/prometheus/prometheus/discovery/nomad"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
)

// One target a group: each has labels of its own.
type group struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

func main() {
	from := flag.String("config", "prometheus.yml", "whose scrape_configs to follow")
	to := flag.String("out", "targets.json", "the file to keep, for file_sd_configs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := follow(ctx, *from, *to); err != nil {
		fmt.Fprintln(os.Stderr, "prometheus-sd:", err)
		os.Exit(1)
	}
}

func follow(ctx context.Context, from, to string) error {
	logger := log.NewLogfmtLogger(log.NewSyncWriter(os.Stderr))
	read, err := config.LoadFile(from, false, false, logger)
	if err != nil {
		return err
	}
	jobs := map[string]*config.ScrapeConfig{}
	wanted := map[string]discovery.Configs{}
	for _, job := range read.ScrapeConfigs {
		jobs[job.JobName] = job
		wanted[job.JobName] = job.ServiceDiscoveryConfigs
	}
	manager := discovery.NewManager(ctx, logger, discovery.Name("scrape"))
	ended := make(chan error, 1)
	go func() { ended <- manager.Run() }()
	if err := manager.ApplyConfig(wanted); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			<-ended
			return nil
		case found := <-manager.SyncCh():
			if err := keep(to, targetsOf(found, jobs)); err != nil {
				return err
			}
		}
	}
}

func targetsOf(found map[string][]*targetgroup.Group, jobs map[string]*config.ScrapeConfig) []group {
	all := []group{}
	for name, groups := range found {
		for _, from := range groups {
			for _, target := range from.Targets {
				if kept, ok := relabelled(jobs[name], from.Labels, target); ok {
					all = append(all, kept)
				}
			}
		}
	}
	sort.Slice(all, func(i, j int) bool {
		return all[i].Labels["job"]+all[i].Targets[0] < all[j].Labels["job"]+all[j].Targets[0]
	})
	return all
}

// As Prometheus' scraping does: the job's labels first, then its relabel_configs; false when those dropped the target.
func relabelled(job *config.ScrapeConfig, common, own model.LabelSet) (group, bool) {
	values := map[string]string{
		model.JobLabel:         job.JobName,
		model.MetricsPathLabel: job.MetricsPath,
		model.SchemeLabel:      job.Scheme,
	}
	for name, given := range job.Params {
		if len(given) > 0 {
			values[model.ParamLabelPrefix+name] = given[0]
		}
	}
	for _, set := range []model.LabelSet{common, own} {
		for name, value := range set {
			values[string(name)] = string(value)
		}
	}
	result, keep := relabel.Process(labels.FromMap(values), job.RelabelConfigs...)
	if !keep || result.Get(model.AddressLabel) == "" {
		return group{}, false
	}
	kept := group{Targets: []string{result.Get(model.AddressLabel)}, Labels: map[string]string{}}
	for name, value := range result.Map() {
		if name != model.AddressLabel && !strings.HasPrefix(name, model.MetaLabelPrefix) && !strings.HasPrefix(name, "__tmp") {
			kept.Labels[name] = value
		}
	}
	return kept, true
}

// Whole or not at all: who reads it never sees half a file.
func keep(path string, all []group) error {
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	next := filepath.Join(filepath.Dir(path), ".next-"+filepath.Base(path))
	if err := os.WriteFile(next, append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(next, path)
}
