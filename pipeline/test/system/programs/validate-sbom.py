# Two validators that are none of ours, over the SPDX and CycloneDX documents that are named; prints what is wrong, a line each.
import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.error import SPDXParsingError
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document


def spdx_faults(path):
    try:
        return [fault.validation_message for fault in validate_full_spdx_document(parse_file(path))]
    except SPDXParsingError as error:
        return error.get_messages()


def cyclonedx_faults(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    version = SchemaVersion["V" + json.loads(text)["specVersion"].replace(".", "_")]
    fault = JsonStrictValidator(version).validate_str(text)
    return [] if fault is None else [str(fault)]


for path in sys.argv[1:]:
    for fault in spdx_faults(path) if path.endswith(".spdx.json") else cyclonedx_faults(path):
        print(fault.replace("\n", " "))
