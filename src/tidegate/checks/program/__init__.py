"""The sources of a project as one program: what a name means, which values are known, who calls whom."""
