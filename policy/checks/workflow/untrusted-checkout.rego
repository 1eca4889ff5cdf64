# METADATA
# title: A workflow with secrets checks out code of a pull request
# description: pull_request_target and workflow_run have the secrets of the repository; what they check out must not be a stranger's.
# custom:
#   id: DRYDOCK-W001
#   severity: CRITICAL
#   short_code: untrusted-checkout
#   recommended_actions: use pull_request, or check out the base
package user.drydock.drydock_w001

import data.lib.drydock.workflow
import future.keywords.contains
import future.keywords.if
import future.keywords.in

deny contains res if {
	some trigger in workflow.triggers & {"pull_request_target", "workflow_run"}
	some name, job in workflow.jobs
	some step in job.steps
	takes_head(step)
	res := result.new(sprintf("job %q of a %s workflow checks out the head of the pull request", [name, trigger]), step)
}

takes_head(step) if {
	regex.match(`^actions/checkout(@|$)`, step.uses)
	some field in ["ref", "repository"]
	regex.match(head, step["with"][field])
}

takes_head(step) if regex.match(`gh\s+pr\s+checkout|git\s+(fetch|checkout|pull)\b.*(refs/)?pull/`, step.run)

takes_head(step) if {
	regex.match(`\bgit\b`, step.run)
	regex.match(head, step.run)
}

head := `github\.head_ref|github\.event\.pull_request\.(head|number|merge_commit_sha)|github\.event\.number|github\.event\.workflow_run\.(head_|pull_requests)|refs/pull/`
