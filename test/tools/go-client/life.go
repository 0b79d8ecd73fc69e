// The rest of a job's life, as the public client drives it: commands in a task, deployments, versions, scaling, dispatch, namespaces, node
// pools, metadata, drain, and what an operator asks of the servers.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"
	"github.com/hashicorp/nomad/api/contexts"
)

// until asks again and again, for 30 s at most.
func until(what string, holds func() (bool, error)) error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if done, err := holds(); err != nil || done {
			return err
		}
	}
	return fmt.Errorf("%s: not within 30 s", what)
}

func (r *run) exec() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	none := make(chan api.TerminalSize)
	script := []string{"/bin/sh", "-c", "cat; echo problem >&2; exit 7"}
	code, err := r.client.Allocations().Exec(ctx, r.alloc, "say", false, script, strings.NewReader("typed by a client\n"), &stdout, &stderr, none, nil)
	if err != nil {
		return err
	}
	if err := want(code == 7 && stdout.String() == "typed by a client\n" && stderr.String() == "problem\n", "exec: %d %q %q", code, stdout.String(), stderr.String()); err != nil {
		return err
	}
	var terminal bytes.Buffer
	sizes := make(chan api.TerminalSize, 1)
	sizes <- api.TerminalSize{Height: 33, Width: 77}
	tty := []string{"/bin/sh", "-c", "sleep 0.3; stty size; exit 0"}
	reader, writer := io.Pipe()
	defer writer.Close()
	code, err = r.client.Allocations().Exec(ctx, r.alloc, "say", true, tty, reader, &terminal, io.Discard, sizes, nil)
	if err != nil {
		return err
	}
	_, wrong := r.client.Allocations().Exec(ctx, r.alloc, "no-such-task", false, script, strings.NewReader(""), io.Discard, io.Discard, none, nil)
	return errors.Join(
		want(code == 0 && strings.Contains(terminal.String(), "33 77"), "tty: %d %q", code, terminal.String()),
		want(wrong != nil && strings.Contains(wrong.Error(), "no-such-task"), "unknown task: %v", wrong),
	)
}

func (r *run) action() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var stdout bytes.Buffer
	none := make(chan api.TerminalSize)
	code, err := r.client.Jobs().ActionExec(ctx, r.alloc, r.job, "say", false, nil, "greet", strings.NewReader(""), &stdout, io.Discard, none, nil)
	if err != nil {
		return err
	}
	return want(code == 3 && stdout.String() == "greetings\n", "action: %d %q", code, stdout.String())
}

// settled waits for the end of the newest deployment.
func (r *run) settled() error {
	return until("the newest deployment is successful", func() (bool, error) {
		found, _, err := r.client.Jobs().LatestDeployment(r.job, nil)
		return found != nil && found.Status == "successful", err
	})
}

func (r *run) deployment() error {
	if err := r.settled(); err != nil {
		return err
	}
	latest, _, err := r.client.Jobs().LatestDeployment(r.job, nil)
	if err != nil {
		return err
	}
	one, meta, err := r.client.Deployments().Info(latest.ID, nil)
	if err != nil {
		return err
	}
	list, _, err := r.client.Deployments().List(nil)
	if err != nil {
		return err
	}
	ofJob, _, err := r.client.Jobs().Deployments(r.job, true, nil)
	if err != nil {
		return err
	}
	allocations, _, err := r.client.Deployments().Allocations(latest.ID, nil)
	if err != nil {
		return err
	}
	_, _, ended := r.client.Deployments().Fail(latest.ID, nil)
	_, _, gone := r.client.Deployments().Info("11111111-2222-3333-4444-555555555555", nil)
	group := one.TaskGroups["g"]
	return errors.Join(
		want(meta.LastIndex > 0 && group != nil && group.DesiredTotal == 1 && group.HealthyAllocs == 1, "deployment: %+v %+v", one, group),
		want(len(list) >= 1 && len(ofJob) == 1 && len(allocations) == 1, "list %d, of job %d, allocations %d", len(list), len(ofJob), len(allocations)),
		want(status(ended) >= 400 && status(gone) == 404, "ended: %v, gone: %v", ended, gone),
	)
}

func (r *run) versions() error {
	changed := r.jobNoun("hello world")
	changed.Priority = ptr(60)
	if _, _, err := r.client.Jobs().Register(changed, nil); err != nil {
		return err
	}
	if _, err := r.client.Jobs().TagVersion(r.job, 0, "first", "as it was", nil); err != nil {
		return err
	}
	tagged, _, err := r.client.Jobs().VersionByTag(r.job, "first", nil)
	if err != nil {
		return err
	}
	versions, diffs, _, err := r.client.Jobs().VersionsOpts(r.job, &api.VersionsOptions{Diffs: true, DiffTag: "first"}, nil)
	if err != nil {
		return err
	}
	if _, _, err := r.client.Jobs().Stable(r.job, 1, true, nil); err != nil {
		return err
	}
	reverted, _, err := r.client.Jobs().Revert(r.job, 0, ptr(uint64(1)), nil, "", "")
	if err != nil {
		return err
	}
	_, _, race := r.client.Jobs().Revert(r.job, 0, ptr(uint64(1)), nil, "", "")
	now, _, err := r.client.Jobs().Info(r.job, nil)
	if err != nil {
		return err
	}
	if _, err := r.client.Jobs().UntagVersion(r.job, "first", nil); err != nil {
		return err
	}
	return errors.Join(
		want(*tagged.Version == 0 && tagged.VersionTag.Description == "as it was", "tagged: %+v", tagged.VersionTag),
		want(len(versions) == 2 && len(diffs) == 1 && diffs[0].Type == "Edited", "versions %d, diffs %+v", len(versions), diffs),
		want(reverted.EvalID != "" && *now.Version == 2 && *now.Priority == 50, "reverted to version %d, priority %d", *now.Version, *now.Priority),
		want(status(race) >= 400, "a revert that came too late: %v", race),
	)
}

func (r *run) scale() error {
	// While a deployment goes on, a count is refused.
	if err := r.settled(); err != nil {
		return err
	}
	two := 2
	if _, _, err := r.client.Jobs().Scale(r.job, "g", &two, "more of them", false, map[string]any{"by": "hand"}, nil); err != nil {
		return err
	}
	if _, _, err := r.client.Jobs().Scale(r.job, "g", nil, "only a word", true, nil, nil); err != nil {
		return err
	}
	if err := until("two run", func() (bool, error) {
		now, _, err := r.client.Jobs().ScaleStatus(r.job, nil)
		return err == nil && now.TaskGroups["g"].Desired == 2 && now.TaskGroups["g"].Running == 2, err
	}); err != nil {
		return err
	}
	now, _, err := r.client.Jobs().ScaleStatus(r.job, nil)
	if err != nil {
		return err
	}
	policies, _, err := r.client.Scaling().ListPolicies(&api.QueryOptions{Params: map[string]string{"job": r.job}})
	if err != nil {
		return err
	}
	if err := want(len(policies) == 1 && policies[0].Type == "horizontal", "policies: %+v", policies); err != nil {
		return err
	}
	policy, _, err := r.client.Scaling().GetPolicy(policies[0].ID, nil)
	if err != nil {
		return err
	}
	events := now.TaskGroups["g"].Events
	return errors.Join(
		want(len(events) == 2 && events[0].Error && events[0].Message == "only a word" && *events[1].Count == 2, "events: %+v", events),
		want(*policy.Max == 4 && policy.Target["Group"] == "g", "policy: %+v", policy),
	)
}

func (r *run) dispatch() error {
	id := r.job + "-work"
	job := api.NewBatchJob(id, id, "global", 50).AddDatacenter("*")
	job.ParameterizedJob = &api.ParameterizedJobConfig{Payload: "optional", MetaRequired: []string{"who"}}
	task := api.NewTask("read", r.driver).SetConfig("command", "/bin/cat").SetConfig("args", []string{"local/input"}).
		Require(&api.Resources{CPU: ptr(50), MemoryMB: ptr(32)})
	task.DispatchPayload = &api.DispatchPayloadConfig{File: "input"}
	job.AddTaskGroup(api.NewTaskGroup("g", 1).AddTask(task))
	if _, _, err := r.client.Jobs().Register(job, nil); err != nil {
		return err
	}
	options := &api.WriteOptions{IdempotencyToken: "once"}
	first, _, err := r.client.Jobs().Dispatch(id, map[string]string{"who": "me"}, []byte("the payload\n"), "", options)
	if err != nil {
		return err
	}
	again, _, err := r.client.Jobs().Dispatch(id, map[string]string{"who": "me"}, []byte("the payload\n"), "", options)
	if err != nil {
		return err
	}
	_, _, without := r.client.Jobs().Dispatch(id, nil, nil, "", nil)
	if err := until("the child is done", func() (bool, error) {
		allocations, _, err := r.client.Jobs().Allocations(first.DispatchedJobID, false, nil)
		return len(allocations) == 1 && allocations[0].ClientStatus == "complete", err
	}); err != nil {
		return err
	}
	allocations, _, err := r.client.Jobs().Allocations(first.DispatchedJobID, false, nil)
	if err != nil {
		return err
	}
	output, err := read(r.client.AllocFS().Cat(&api.Allocation{ID: allocations[0].ID, NodeID: allocations[0].NodeID}, "alloc/logs/read.stdout.0", nil))
	if err != nil {
		return err
	}
	_, _, err = r.client.Jobs().Deregister(id, true, nil)
	return errors.Join(
		err, want(again.DispatchedJobID == first.DispatchedJobID, "twice: %q and %q", first.DispatchedJobID, again.DispatchedJobID),
		want(output == "the payload\n", "output: %q", output), want(status(without) == 400, "without its meta: %v", without),
	)
}

func (r *run) periodic() error {
	id := r.job + "-cron"
	job := api.NewBatchJob(id, id, "global", 50).AddDatacenter("*")
	job.AddPeriodicConfig(&api.PeriodicConfig{Enabled: ptr(true), Spec: ptr("0 0 1 1 *"), SpecType: ptr("cron")})
	task := api.NewTask("tick", r.driver).SetConfig("command", "/bin/true").Require(&api.Resources{CPU: ptr(50), MemoryMB: ptr(32)})
	job.AddTaskGroup(api.NewTaskGroup("g", 1).AddTask(task))
	if _, _, err := r.client.Jobs().Register(job, nil); err != nil {
		return err
	}
	evaluation, _, err := r.client.Jobs().PeriodicForce(id, nil)
	if err != nil {
		return err
	}
	if err := want(evaluation != "", "no evaluation"); err != nil {
		return err
	}
	if err := until("the child is done", func() (bool, error) {
		summary, _, err := r.client.Jobs().Summary(id, nil)
		return err == nil && summary.Children != nil && summary.Children.Dead == 1, err
	}); err != nil {
		return err
	}
	_, _, err = r.client.Jobs().Deregister(id, true, nil)
	return err
}

func (r *run) namespaces() error {
	if _, err := r.client.Namespaces().Register(&api.Namespace{Name: "go-team", Description: "of the Go client", Meta: map[string]string{"a": "b"}}, nil); err != nil {
		return err
	}
	found, _, err := r.client.Namespaces().Info("go-team", nil)
	if err != nil {
		return err
	}
	if _, err := r.client.Namespaces().Delete("go-team", nil); err != nil {
		return err
	}
	_, _, gone := r.client.Namespaces().Info("go-team", nil)
	_, builtIn := r.client.Namespaces().Delete("default", nil)
	return errors.Join(
		want(found.Description == "of the Go client" && found.Meta["a"] == "b" && found.CreateIndex > 0, "namespace: %+v", found),
		want(status(gone) == 404 && status(builtIn) == 400, "gone: %v, default: %v", gone, builtIn),
	)
}

func (r *run) pools() error {
	pool := &api.NodePool{Name: "go-pool", Description: "of the Go client", SchedulerConfiguration: &api.NodePoolSchedulerConfiguration{SchedulerAlgorithm: "spread"}}
	if _, err := r.client.NodePools().Register(pool, nil); err != nil {
		return err
	}
	found, _, err := r.client.NodePools().Info("go-pool", nil)
	if err != nil {
		return err
	}
	nodes, _, err := r.client.NodePools().ListNodes("all", nil)
	if err != nil {
		return err
	}
	jobs, _, err := r.client.NodePools().ListJobs("default", nil)
	if err != nil {
		return err
	}
	if _, err := r.client.NodePools().Delete("go-pool", nil); err != nil {
		return err
	}
	_, builtIn := r.client.NodePools().Delete("default", nil)
	return errors.Join(
		want(found.SchedulerConfiguration != nil && found.SchedulerConfiguration.SchedulerAlgorithm == "spread", "pool: %+v", found),
		want(len(nodes) == 1 && len(jobs) >= 1 && status(builtIn) == 400, "nodes %d, jobs %d, default: %v", len(nodes), len(jobs), builtIn),
	)
}

func (r *run) metadata() error {
	changed, err := r.client.Nodes().Meta().Apply(&api.NodeMetaApplyRequest{NodeID: r.node, Meta: map[string]*string{"rack": ptr("r1")}}, nil)
	if err != nil {
		return err
	}
	if err := until("the servers know", func() (bool, error) {
		node, _, err := r.client.Nodes().Info(r.node, nil)
		return err == nil && node.Meta["rack"] == "r1", err
	}); err != nil {
		return err
	}
	if _, err := r.client.Nodes().Meta().Apply(&api.NodeMetaApplyRequest{NodeID: r.node, Meta: map[string]*string{"rack": nil}}, nil); err != nil {
		return err
	}
	now, err := r.client.Nodes().Meta().Read(r.node, nil)
	if err != nil {
		return err
	}
	_, kept := now.Meta["rack"]
	return errors.Join(want(changed.Meta["rack"] == "r1", "changed: %+v", changed), want(!kept, "taken away: %+v", now))
}

func (r *run) fuzzy() error {
	found, _, err := r.client.Search().FuzzySearch("client-", contexts.All, nil)
	if err != nil {
		return err
	}
	matches := found.Matches[contexts.Jobs]
	return want(len(matches) >= 1 && matches[0].Scope[0] == "default", "fuzzy: %+v", found)
}

func (r *run) servers() error {
	raft, err := r.client.Operator().RaftGetConfiguration(nil)
	if err != nil {
		return err
	}
	autopilot, _, err := r.client.Operator().AutopilotGetConfiguration(nil)
	if err != nil {
		return err
	}
	health, _, err := r.client.Operator().AutopilotServerHealth(nil)
	if err != nil {
		return err
	}
	workers, err := r.client.Agent().GetSchedulerWorkerConfig(nil)
	if err != nil {
		return err
	}
	status_, err := r.client.Agent().GetSchedulerWorkersInfo(nil)
	if err != nil {
		return err
	}
	if err := r.client.System().ReconcileSummaries(); err != nil {
		return err
	}
	if err := r.client.Agent().Reload(nil, nil); err != nil {
		return err
	}
	services, _, err := r.client.Services().List(nil)
	if err != nil {
		return err
	}
	_, _, enterprise := r.client.Operator().LicenseGet(nil)
	return errors.Join(
		want(len(raft.Servers) == 1 && raft.Servers[0].Leader && raft.Servers[0].Voter, "raft: %+v", raft),
		want(autopilot.LastContactThreshold == 200*time.Millisecond, "autopilot: %+v", autopilot),
		want(health.Healthy && len(health.Servers) == 1 && health.Servers[0].Healthy && health.Servers[0].StableSince.Year() > 2000, "health: %+v", health),
		want(workers.NumSchedulers > 0 && len(status_.Schedulers) == workers.NumSchedulers, "workers: %+v %+v", workers, status_),
		want(len(services) == 0, "services: %+v", services), want(status(enterprise) == 501, "licence: %v", enterprise),
	)
}

func (r *run) snapshot() error {
	// The client itself checks the Digest header against what comes.
	reader, err := r.client.Operator().Snapshot(nil)
	if err != nil {
		return err
	}
	defer reader.Close()
	archive, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(archive)
	packed, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return err
	}
	content, err := io.ReadAll(packed)
	if err != nil {
		return err
	}
	return want(bytes.HasPrefix(content, []byte("meta.json")), "snapshot %s begins with %q", base64.StdEncoding.EncodeToString(sum[:]), content[:20])
}

func (r *run) drain() error {
	drained, err := r.client.Nodes().UpdateDrainOpts(r.node, &api.DrainOptions{
		DrainSpec: &api.DrainSpec{Deadline: time.Minute, IgnoreSystemJobs: true}, Meta: map[string]string{"message": "by the Go client"},
	}, nil)
	if err != nil {
		return err
	}
	if err := until("the node is empty", func() (bool, error) {
		node, _, err := r.client.Nodes().Info(r.node, nil)
		return err == nil && node.DrainStrategy == nil && node.LastDrain != nil && node.LastDrain.Status == "complete", err
	}); err != nil {
		return err
	}
	node, _, err := r.client.Nodes().Info(r.node, nil)
	if err != nil {
		return err
	}
	if _, err := r.client.Nodes().ToggleEligibility(r.node, true, nil); err != nil {
		return err
	}
	return errors.Join(
		want(drained.LastIndex > 0 && node.SchedulingEligibility == "ineligible", "drained: %+v, node %s", drained, node.SchedulingEligibility),
		want(node.LastDrain.Meta["message"] == "by the Go client", "last drain: %+v", node.LastDrain),
	)
}

func (r *run) evalDelete() error {
	configuration, _, err := r.client.Operator().SchedulerGetConfiguration(nil)
	if err != nil {
		return err
	}
	_, _, running := r.client.Evaluations().DeleteOpts(&api.EvalDeleteRequest{Filter: `Status == "complete"`}, nil)
	configuration.SchedulerConfig.PauseEvalBroker = true
	if _, _, err := r.client.Operator().SchedulerSetConfiguration(configuration.SchedulerConfig, nil); err != nil {
		return err
	}
	deleted, _, err := r.client.Evaluations().DeleteOpts(&api.EvalDeleteRequest{Filter: fmt.Sprintf("Status == %q and JobID == %q", "complete", r.job)}, nil)
	configuration.SchedulerConfig.PauseEvalBroker = false
	if _, _, err := r.client.Operator().SchedulerSetConfiguration(configuration.SchedulerConfig, nil); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	return errors.Join(want(deleted.Count > 0, "deleted: %+v", deleted), want(status(running) >= 400, "while the broker runs: %v", running))
}
