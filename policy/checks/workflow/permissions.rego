# METADATA
# title: A workflow does not say what its token may do, or lets it do everything
# description: Without permissions the token may do what the settings of the repository say, which may be everything.
# custom:
#   id: DRYDOCK-W003
#   severity: HIGH
#   short_code: permissions
#   recommended_actions: write permissions at the top of the workflow (contents read, or none), and what a job needs more in the job
package user.drydock.drydock_w003

import data.lib.drydock.workflow
import future.keywords.contains
import future.keywords.if
import future.keywords.in

deny contains res if {
	count(workflow.jobs) > 0
	not has_permissions
	res := result.new("there are no permissions at the top", input.jobs)
}

deny contains res if {
	count(workflow.jobs) > 0
	input.permissions == "write-all"
	res := result.new("the permissions at the top are write-all", input.jobs)
}

deny contains res if {
	some name, job in workflow.jobs
	job.permissions == "write-all"
	res := result.new(sprintf("the permissions of job %q are write-all", [name]), job)
}

# Behind the name there may be nothing at all.
has_permissions if {
	not is_null(input.permissions)
	input.permissions != ""
}
