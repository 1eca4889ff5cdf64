# METADATA
# title: A job that runs for pull requests is given secrets
# description: Code of a pull request has not been read by anybody yet, and runs beside them.
# custom:
#   id: DRYDOCK-W004
#   severity: HIGH
#   short_code: secrets-in-pull-request
#   recommended_actions: give secrets to jobs of another event only; the token of the job itself is none of these
package user.drydock.drydock_w004

import data.lib.drydock.workflow
import future.keywords.contains
import future.keywords.if
import future.keywords.in

deny contains res if {
	some trigger in workflow.triggers & {"pull_request", "pull_request_target"}
	some name, job in workflow.jobs
	not is_for_others(job)
	takes_secrets(job)
	res := result.new(sprintf("job %q runs on %s with secrets", [name, trigger]), job)
}

deny contains res if {
	some trigger in workflow.triggers & {"pull_request", "pull_request_target"}
	count(workflow.jobs) > 0
	some _, value in input.env
	names_secret(value)
	res := result.new(sprintf("all jobs run on %s with secrets in env", [trigger]), input.jobs)
}

takes_secrets(job) if job.secrets == "inherit"

takes_secrets(job) if {
	walk(job, [_, value])
	names_secret(value)
}

names_secret(value) if {
	is_string(value)
	some use in regex.find_n(`\bsecrets\s*(\.\s*\w+|\[[^\]]*\]?)`, value, -1)
	not regex.match(`^secrets\s*(\.\s*GITHUB_TOKEN|\[\s*['"]GITHUB_TOKEN['"]\s*\])$`, use)
}

names_secret(value) if {
	is_string(value)
	regex.match(`toJSON\(\s*secrets\s*\)`, value)
}

# A condition that leaves pull requests out, and nothing that lets them in again.
is_for_others(job) if {
	regex.match(`github\.event_name\s*(!=\s*'pull_request'|==\s*'(push|schedule|workflow_dispatch|release)')`, job["if"])
	not contains(job["if"], "||")
}
