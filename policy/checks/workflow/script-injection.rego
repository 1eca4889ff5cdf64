# METADATA
# title: A script of a workflow has text of strangers in it
# description: What an expression writes into a script runs as part of it, whoever wrote it, such as a title or the name of a branch.
# custom:
#   id: DRYDOCK-W005
#   severity: CRITICAL
#   short_code: script-injection
#   recommended_actions: hand it to the script as a variable of its environment
package user.drydock.drydock_w005

import data.lib.drydock.workflow
import future.keywords.contains
import future.keywords.if
import future.keywords.in

deny contains res if {
	some name, job in workflow.jobs
	some step in job.steps
	some script in scripts(step)
	some expression in regex.find_n(strangers, script, 1)
	res := result.new(sprintf("job %q runs a script with %s in it", [name, expression]), step)
}

scripts(step) := [script |
	some path in [["run"], ["with", "script"]]
	script := object.get(step, path, "")
	is_string(script)
]

strangers := `(?i)\$\{\{[^}]*(github\.head_ref|github\.event\.[\w.*\[\]'"-]*(title|body|message|head\.ref|head\.label|head_ref|head_branch|email|name|default_branch|page_name)\b)[^}]*\}\}`
