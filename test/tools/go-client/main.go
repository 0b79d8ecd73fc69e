// A public client of the API: everything an agent answers, decoded by the Go module that existing tools are built on.
//
// Runs the tutorial of the field against an agent: plan, register, follow, read logs and files, plan again, stop, collect. A line a
// step; the first thing that is not as a client expects it ends the program with exit code 1.
//
//	go run . -address http://127.0.0.1:4646 -driver raw_exec
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"
	"github.com/hashicorp/nomad/api/contexts"
)

type run struct {
	client *api.Client
	driver string
	job    string
	alloc  *api.Allocation
	node   string
}

func main() {
	address := flag.String("address", "http://127.0.0.1:4646", "the agent")
	driver := flag.String("driver", "raw_exec", "the driver of the job")
	token := flag.String("token", "", "one that may everything, where there is access control")
	flag.Parse()
	client, err := api.NewClient(&api.Config{Address: *address, SecretID: *token})
	if err != nil {
		fail("client", err)
	}
	r := &run{client: client, driver: *driver, job: fmt.Sprintf("go/client-%d", time.Now().UnixNano())}
	steps := []struct {
		name string
		step func() error
	}{
		{"agent", r.agent}, {"node", r.nodes}, {"parse", r.parse}, {"plan", r.plan}, {"refuse", r.refuse}, {"register", r.register},
		{"running", r.running}, {"job", r.jobReads}, {"allocation", r.allocation}, {"logs", r.logs}, {"files", r.files},
		{"usage", r.usage}, {"evaluations", r.evaluations}, {"events", r.events}, {"search", r.search}, {"pages", r.pages},
		{"plan-again", r.planAgain}, {"exec", r.exec}, {"action", r.action}, {"restart", r.restart}, {"deployment", r.deployment},
		{"versions", r.versions}, {"scale", r.scale}, {"dispatch", r.dispatch}, {"periodic", r.periodic}, {"namespaces", r.namespaces},
		{"variables", r.variables}, {"locks", r.locks},
		{"pools", r.pools}, {"metadata", r.metadata}, {"fuzzy", r.fuzzy}, {"operator", r.operator}, {"servers", r.servers},
		{"snapshot", r.snapshot}, {"stop", r.stop}, {"drain", r.drain}, {"eval-delete", r.evalDelete}, {"gone", r.gone},
	}
	if *token != "" {
		steps = append(steps, struct {
			name string
			step func() error
		}{"acl", func() error { return r.acl(*address) }})
	}
	for _, each := range steps {
		if err := each.step(); err != nil {
			r.leaveNothing()
			fail(each.name, err)
		}
		fmt.Println("ok", each.name)
	}
}

// leaveNothing stops what a failed run leaves running.
func (r *run) leaveNothing() {
	jobs, _, _ := r.client.Jobs().PrefixList(r.job)
	for _, job := range jobs {
		_, _, _ = r.client.Jobs().Deregister(job.ID, false, nil)
	}
	_ = until("nothing runs", func() (bool, error) {
		list, _, err := r.client.Allocations().List(&api.QueryOptions{Filter: `ClientStatus == "running"`})
		return len(list) == 0, err
	})
}

func fail(step string, err error) {
	fmt.Println("FAILED", step+":", err)
	os.Exit(1)
}

// want is an error unless it holds.
func want(holds bool, format string, arguments ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, arguments...)
}

// status is the HTTP status of an error, 0 when there is none.
func status(err error) int {
	var unexpected api.UnexpectedResponseError
	if errors.As(err, &unexpected) {
		return unexpected.StatusCode()
	}
	return 0
}

func (r *run) jobNoun(message string) *api.Job {
	job := api.NewServiceJob(r.job, r.job, "global", 50).AddDatacenter("*")
	task := api.NewTask("say", r.driver).
		SetConfig("command", "/bin/sh").
		SetConfig("args", []string{"-c", "echo " + message + "; echo to-stderr >&2; exec sleep 600"}).
		Require(&api.Resources{CPU: ptr(50), MemoryMB: ptr(32)})
	task.Actions = []*api.Action{{Name: "greet", Command: "/bin/sh", Args: []string{"-c", "echo greetings; exit 3"}}}
	group := api.NewTaskGroup("g", 1).AddTask(task)
	group.Update = &api.UpdateStrategy{MinHealthyTime: ptr(100 * time.Millisecond)}
	group.Scaling = &api.ScalingPolicy{Min: ptr(int64(1)), Max: ptr(int64(4)), Type: "horizontal", Enabled: ptr(true)}
	return job.AddTaskGroup(group)
}

func ptr[T any](value T) *T { return &value }

func (r *run) agent() error {
	self, err := r.client.Agent().Self()
	if err != nil {
		return err
	}
	members, err := r.client.Agent().Members()
	if err != nil {
		return err
	}
	health, err := r.client.Agent().Health()
	if err != nil {
		return err
	}
	leader, err := r.client.Status().Leader()
	if err != nil {
		return err
	}
	peers, err := r.client.Status().Peers()
	if err != nil {
		return err
	}
	regions, err := r.client.Regions().List()
	if err != nil {
		return err
	}
	if _, err = r.client.Agent().Servers(); err != nil {
		return err
	}
	namespaces, _, err := r.client.Namespaces().List(nil)
	if err != nil {
		return err
	}
	pools, _, err := r.client.NodePools().List(nil)
	if err != nil {
		return err
	}
	return errors.Join(
		want(self.Member.Name != "" && self.Stats["nomad"] != nil, "self: %+v", self),
		want(len(members.Members) == 1 && members.Members[0].Status == "alive", "members: %+v", members),
		want(health.Server.Ok && health.Client.Ok, "health: %+v %+v", health.Server, health.Client),
		want(leader != "" && len(peers) == 1 && len(regions) == 1, "leader %q peers %v regions %v", leader, peers, regions),
		want(len(namespaces) == 1 && len(pools) == 2, "namespaces %v pools %v", namespaces, pools),
	)
}

func (r *run) nodes() error {
	list, meta, err := r.client.Nodes().List(&api.QueryOptions{Params: map[string]string{"resources": "true", "os": "true"}})
	if err != nil {
		return err
	}
	if err := want(len(list) == 1 && meta.LastIndex > 0 && meta.KnownLeader, "nodes: %v, meta %+v", list, meta); err != nil {
		return err
	}
	r.node = list[0].ID
	node, _, err := r.client.Nodes().Info(r.node, nil)
	if err != nil {
		return err
	}
	stats, err := r.client.Nodes().Stats(r.node, nil)
	if err != nil {
		return err
	}
	return errors.Join(
		want(list[0].NodeResources != nil && list[0].Status == "ready", "stub: %+v", list[0]),
		want(node.NodeResources.Memory.MemoryMB > 0 && node.Drivers[r.driver].Healthy, "node: %+v", node),
		want(stats.Memory.Total > 0 && len(stats.CPU) > 0, "stats: %+v", stats),
	)
}

func (r *run) parse() error {
	job, err := r.client.Jobs().ParseHCL(`job "parsed" { group "g" { task "t" { driver = "mock" } } }`, true)
	if err != nil {
		return err
	}
	_, err = r.client.Jobs().ParseHCL(`job "parsed" {`, false)
	return errors.Join(want(*job.ID == "parsed" && *job.TaskGroups[0].Count == 1, "job: %+v", job), want(status(err) == 400, "broken HCL: %v", err))
}

func (r *run) plan() error {
	answer, _, err := r.client.Jobs().Plan(r.jobNoun("hello world"), true, nil)
	if err != nil {
		return err
	}
	valid, _, err := r.client.Jobs().Validate(r.jobNoun("hello world"), nil)
	if err != nil {
		return err
	}
	return errors.Join(
		want(answer.Diff.Type == "Added" && answer.JobModifyIndex == 0, "plan: %+v", answer),
		want(answer.Annotations.DesiredTGUpdates["g"].Place == 1, "annotations: %+v", answer.Annotations),
		want(len(answer.FailedTGAllocs) == 0, "failed: %+v", answer.FailedTGAllocs),
		want(len(valid.ValidationErrors) == 0, "validate: %+v", valid),
	)
}

func (r *run) refuse() error {
	_, _, notFound := r.client.Jobs().Info("no-such-job", nil)
	_, _, stale := r.client.Jobs().EnforceRegister(r.jobNoun("hello world"), 999999, nil)
	_, _, filter := r.client.Jobs().List(&api.QueryOptions{Filter: "nonsense"})
	_, _, later := r.client.CSIVolumes().Info("nothing", nil)
	return errors.Join(
		want(status(notFound) == 404, "unknown job: %v", notFound), want(status(stale) >= 400, "stale index: %v", stale),
		want(status(filter) == 400, "bad filter: %v", filter), want(status(later) == 501, "volumes: %v", later),
	)
}

func (r *run) register() error {
	answer, meta, err := r.client.Jobs().EnforceRegister(r.jobNoun("hello world"), 0, nil)
	if err != nil {
		return err
	}
	return want(answer.EvalID != "" && answer.JobModifyIndex > 0 && meta.LastIndex > 0, "register: %+v %+v", answer, meta)
}

// running follows the job's allocations with blocking queries until one runs.
func (r *run) running() error {
	var index uint64
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		list, meta, err := r.client.Jobs().Allocations(r.job, false, &api.QueryOptions{WaitIndex: index, WaitTime: 5 * time.Second})
		if err != nil {
			return err
		}
		if err := want(meta.LastIndex > 0, "index 0"); err != nil {
			return err
		}
		index = meta.LastIndex
		if len(list) == 1 && list[0].ClientStatus == "running" {
			r.alloc, _, err = r.client.Allocations().Info(list[0].ID, nil)
			return err
		}
	}
	return errors.New("no allocation ran within 30 s")
}

func (r *run) jobReads() error {
	list, _, err := r.client.Jobs().List(&api.QueryOptions{Filter: `Type == "service" and ID matches "^go/"`})
	if err != nil {
		return err
	}
	job, _, err := r.client.Jobs().Info(r.job, nil)
	if err != nil {
		return err
	}
	summary, _, err := r.client.Jobs().Summary(r.job, nil)
	if err != nil {
		return err
	}
	versions, _, _, err := r.client.Jobs().Versions(r.job, true, nil)
	if err != nil {
		return err
	}
	deployments, _, err := r.client.Jobs().Deployments(r.job, true, nil)
	if err != nil {
		return err
	}
	if _, _, err = r.client.Jobs().LatestDeployment(r.job, nil); err != nil {
		return err
	}
	if _, _, err = r.client.Deployments().List(nil); err != nil {
		return err
	}
	if _, _, err = r.client.Services().List(nil); err != nil {
		return err
	}
	evaluations, _, err := r.client.Jobs().Evaluations(r.job, nil)
	if err != nil {
		return err
	}
	return errors.Join(
		want(len(list) == 1 && list[0].JobSummary.Summary["g"].Running == 1, "list: %+v", list),
		want(*job.Status == "running" && *job.SubmitTime > time.Now().Add(-time.Hour).UnixNano(), "job: %+v", job),
		want(summary.Summary["g"].Running == 1, "summary: %+v", summary),
		want(len(versions) == 1 && len(deployments) == 1 && len(evaluations) > 0, "versions %d deployments %d evaluations %d", len(versions), len(deployments), len(evaluations)),
	)
}

func (r *run) allocation() error {
	list, _, err := r.client.Allocations().List(&api.QueryOptions{Prefix: r.alloc.ID[:8], Params: map[string]string{"resources": "true"}})
	if err != nil {
		return err
	}
	ofNode, _, err := r.client.Nodes().Allocations(r.node, nil)
	if err != nil {
		return err
	}
	state := r.alloc.TaskStates["say"]
	return errors.Join(
		want(len(list) == 1 && list[0].AllocatedResources != nil && list[0].JobType == "service", "list: %+v", list),
		want(len(ofNode) >= 1 && ofNode[0].Job != nil, "of node: %+v", ofNode),
		want(*r.alloc.Job.ID == r.job && *r.alloc.TaskResources["say"].CPU == 50, "allocation: %+v", r.alloc),
		want(state != nil && state.State == "running" && !state.StartedAt.IsZero() && len(state.Events) > 0, "task: %+v", state),
		want(r.alloc.Metrics != nil && r.alloc.Metrics.NodesEvaluated > 0, "metrics: %+v", r.alloc.Metrics),
	)
}

func (r *run) logs() error {
	cancel := make(chan struct{})
	defer close(cancel)
	for _, each := range []struct{ kind, text string }{{"stdout", "hello world\n"}, {"stderr", "to-stderr\n"}} {
		frames, errs := r.client.AllocFS().Logs(r.alloc, true, "say", each.kind, "start", 0, cancel, nil)
		text := ""
		for timeout := time.After(10 * time.Second); text != each.text; {
			select {
			case frame, open := <-frames:
				if !open {
					return fmt.Errorf("%s ended after %q", each.kind, text)
				}
				text += string(frame.Data)
			case err := <-errs:
				return err
			case <-timeout:
				return fmt.Errorf("%s is %q", each.kind, text)
			}
		}
	}
	_, errs := r.client.AllocFS().Logs(r.alloc, false, "no-such-task", "stdout", "start", 0, cancel, nil)
	err := <-errs
	return want(status(err) == 404, "unknown task: %v", err)
}

func (r *run) files() error {
	list, _, err := r.client.AllocFS().List(r.alloc, "/", nil)
	if err != nil {
		return err
	}
	info, _, err := r.client.AllocFS().Stat(r.alloc, "alloc/logs/say.stdout.0", nil)
	if err != nil {
		return err
	}
	whole, err := read(r.client.AllocFS().Cat(r.alloc, "alloc/logs/say.stdout.0", nil))
	if err != nil {
		return err
	}
	part, err := read(r.client.AllocFS().ReadAt(r.alloc, "alloc/logs/say.stdout.0", 6, 5, nil))
	if err != nil {
		return err
	}
	_, _, escape := r.client.AllocFS().Stat(r.alloc, "../../etc/passwd", nil)
	return errors.Join(
		want(len(list) >= 2 && !list[0].ModTime.IsZero(), "list: %+v", list), want(info.Size == 12, "stat: %+v", info),
		want(whole == "hello world\n" && part == "world", "cat %q readat %q", whole, part),
		want(status(escape) >= 400 && status(escape) < 500, "escape: %v", escape),
	)
}

func read(reader io.ReadCloser, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer reader.Close()
	bytes, err := io.ReadAll(reader)
	return string(bytes), err
}

func (r *run) usage() error {
	usage, err := r.client.Allocations().Stats(r.alloc, nil)
	if err != nil {
		return err
	}
	return want(usage.ResourceUsage != nil && usage.Tasks["say"] != nil && usage.Timestamp > 0, "usage: %+v", usage)
}

func (r *run) evaluations() error {
	list, _, err := r.client.Evaluations().List(&api.QueryOptions{Filter: fmt.Sprintf("JobID == %q", r.job)})
	if err != nil {
		return err
	}
	count, _, err := r.client.Evaluations().Count(nil)
	if err != nil {
		return err
	}
	one, _, err := r.client.Evaluations().Info(r.alloc.EvalID, &api.QueryOptions{Params: map[string]string{"related": "true"}})
	if err != nil {
		return err
	}
	allocations, _, err := r.client.Evaluations().Allocations(r.alloc.EvalID, nil)
	if err != nil {
		return err
	}
	return errors.Join(
		want(len(list) > 0 && count.Count >= len(list), "list %d, count %d", len(list), count.Count),
		want(one.Status == "complete" && one.CreateTime > 0, "evaluation: %+v", one), want(len(allocations) == 1, "allocations: %+v", allocations),
	)
}

func (r *run) events() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	stream, err := r.client.EventStream().Stream(ctx, map[api.Topic][]string{api.TopicEvaluation: {"*"}, api.TopicNode: {"*"}}, 0, nil)
	if err != nil {
		return err
	}
	if _, _, err := r.client.Jobs().ForceEvaluate(r.job, nil); err != nil {
		return err
	}
	for events := range stream {
		if events.Err != nil {
			return events.Err
		}
		for _, event := range events.Events {
			evaluation, err := event.Evaluation()
			if err == nil && evaluation != nil && evaluation.JobID == r.job {
				return nil
			}
		}
	}
	return errors.New("no event of the job's evaluation within 10 s")
}

func (r *run) search() error {
	found, _, err := r.client.Search().PrefixSearch("go/client-", contexts.All, nil)
	if err != nil {
		return err
	}
	return want(len(found.Matches[contexts.Jobs]) == 1, "search: %+v", found)
}

func (r *run) pages() error {
	seen := map[string]bool{}
	options := &api.QueryOptions{PerPage: 1}
	for {
		list, meta, err := r.client.Evaluations().List(options)
		if err != nil {
			return err
		}
		for _, one := range list {
			if seen[one.ID] {
				return fmt.Errorf("evaluation %s is on two pages", one.ID)
			}
			seen[one.ID] = true
		}
		if meta.NextToken == "" {
			break
		}
		options.NextToken = meta.NextToken
	}
	return want(len(seen) >= 2, "%d evaluations on pages", len(seen))
}

func (r *run) planAgain() error {
	same, _, err := r.client.Jobs().Plan(r.jobNoun("hello world"), true, nil)
	if err != nil {
		return err
	}
	other, _, err := r.client.Jobs().Plan(r.jobNoun("goodbye"), true, nil)
	if err != nil {
		return err
	}
	return errors.Join(
		want(same.Diff.Type == "None" && same.Annotations.DesiredTGUpdates["g"].Ignore == 1, "unchanged: %+v", same.Diff),
		want(other.Diff.Type == "Edited" && other.Annotations.DesiredTGUpdates["g"].DestructiveUpdate == 1, "changed: %+v %+v", other.Diff, other.Annotations),
	)
}

func (r *run) restart() error {
	if err := r.client.Allocations().Restart(r.alloc, "say", nil); err != nil {
		return err
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		now, _, err := r.client.Allocations().Info(r.alloc.ID, nil)
		if err != nil {
			return err
		}
		if state := now.TaskStates["say"]; state.Restarts > 0 && state.State == "running" && state.LastRestart.Year() > 2000 {
			return nil
		}
	}
	return errors.New("the task was not restarted within 20 s")
}

func (r *run) operator() error {
	configuration, _, err := r.client.Operator().SchedulerGetConfiguration(nil)
	if err != nil {
		return err
	}
	answer, _, err := r.client.Operator().SchedulerCASConfiguration(configuration.SchedulerConfig, nil)
	if err != nil {
		return err
	}
	metrics, _, err := r.client.Operator().MetricsSummary(nil)
	if err != nil {
		return err
	}
	if _, err := r.client.Nodes().ToggleEligibility(r.node, false, nil); err != nil {
		return err
	}
	toggled, err := r.client.Nodes().ToggleEligibility(r.node, true, nil)
	if err != nil {
		return err
	}
	_, _, err = r.client.Nodes().ForceEvaluate(r.node, nil)
	return errors.Join(
		err, want(configuration.SchedulerConfig.SchedulerAlgorithm == "binpack", "configuration: %+v", configuration),
		want(answer.Updated, "updated: %+v", answer), want(len(metrics.Gauges) > 0, "metrics: %+v", metrics), want(toggled.LastIndex > 0, "toggled: %+v", toggled),
	)
}

func (r *run) stop() error {
	evaluation, _, err := r.client.Jobs().Deregister(r.job, false, nil)
	if err != nil {
		return err
	}
	if err := want(evaluation != "", "no evaluation"); err != nil {
		return err
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		job, _, err := r.client.Jobs().Info(r.job, nil)
		if err != nil {
			return err
		}
		now, _, err := r.client.Allocations().Info(r.alloc.ID, nil)
		if err != nil {
			return err
		}
		if *job.Stop && *job.Status == "dead" && now.ClientStatus == "complete" {
			return nil
		}
	}
	return errors.New("the job was not dead within 30 s")
}

func (r *run) gone() error {
	if err := r.client.System().GarbageCollect(); err != nil {
		return err
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		_, _, err := r.client.Jobs().Info(r.job, nil)
		if status(err) == 404 && strings.Contains(err.Error(), "job not found") {
			return nil
		}
	}
	return errors.New("the job is still there 20 s after garbage collection")
}
