"""Condition names of PL/pgSQL in, SQLSTATEs out (PostgreSQL's errcodes.txt, those that DDL and checks meet)."""

from __future__ import annotations

from typing import Final

CONDITIONS: Final = {
    "feature_not_supported": "0A000",
    "invalid_grant_operation": "0LP01",
    "case_not_found": "20000",
    "cardinality_violation": "21000",
    "data_exception": "22000",
    "null_value_not_allowed": "22004",
    "division_by_zero": "22012",
    "invalid_parameter_value": "22023",
    "invalid_text_representation": "22P02",
    "integrity_constraint_violation": "23000",
    "not_null_violation": "23502",
    "foreign_key_violation": "23503",
    "unique_violation": "23505",
    "check_violation": "23514",
    "exclusion_violation": "23P01",
    "invalid_transaction_state": "25000",
    "active_sql_transaction": "25001",
    "dependent_privilege_descriptors_still_exist": "2B000",
    "dependent_objects_still_exist": "2BP01",
    "invalid_catalog_name": "3D000",
    "invalid_schema_name": "3F000",
    "syntax_error_or_access_rule_violation": "42000",
    "insufficient_privilege": "42501",
    "syntax_error": "42601",
    "invalid_name": "42602",
    "duplicate_column": "42701",
    "ambiguous_column": "42702",
    "undefined_column": "42703",
    "undefined_object": "42704",
    "duplicate_object": "42710",
    "duplicate_alias": "42712",
    "duplicate_function": "42723",
    "ambiguous_function": "42725",
    "grouping_error": "42803",
    "datatype_mismatch": "42804",
    "wrong_object_type": "42809",
    "cannot_coerce": "42846",
    "undefined_function": "42883",
    "generated_always": "428C9",
    "reserved_name": "42939",
    "undefined_table": "42P01",
    "undefined_parameter": "42P02",
    "duplicate_cursor": "42P03",
    "duplicate_database": "42P04",
    "duplicate_schema": "42P06",
    "duplicate_table": "42P07",
    "ambiguous_parameter": "42P08",
    "invalid_column_reference": "42P10",
    "invalid_function_definition": "42P13",
    "invalid_schema_definition": "42P15",
    "invalid_table_definition": "42P16",
    "invalid_object_definition": "42P17",
    "indeterminate_datatype": "42P18",
    "program_limit_exceeded": "54000",
    "object_not_in_prerequisite_state": "55000",
    "object_in_use": "55006",
    "lock_not_available": "55P03",
    "query_canceled": "57014",
    "undefined_file": "58P01",
    "plpgsql_error": "P0000",
    "raise_exception": "P0001",
    "no_data_found": "P0002",
    "too_many_rows": "P0003",
    "assert_failure": "P0004",
    "internal_error": "XX000",
}


def sqlstate_of(name: str) -> str:
    """The SQLSTATE of a condition's name; a SQLSTATE is its own."""
    return CONDITIONS.get(name.lower(), name.upper())


def matches(condition: str, sqlstate: str) -> bool:
    """Whether WHEN ``condition`` catches the error: a class (ending in 000) catches all of it."""
    if condition.lower() == "others":
        return sqlstate not in ("57014", "P0004")
    wanted = sqlstate_of(condition)
    return wanted == sqlstate or (wanted.endswith("000") and wanted[:2] == sqlstate[:2])
