"""The catalogue: versions of models in the data folder, and which of them serves which role.

version       what is known of a version, and what happened to it
register      all of them, and what has been live in each role: values and their changes
registry      the register as a file, and the folders of the versions
writing       files that are replaced as a whole, by one process at a time
source        a checkpoint looked at before anything of it is copied or loaded
hub           a checkpoint from a model hub, when an operator says so
card          licence and languages, as a checkpoint's card says them
adding        a new version: looked at, copied, noted
removing      one that nobody needs any more: forgotten, its files deleted
serving       which choice serves each role: settings, live version, built-in
overview      the same as rows for a person
agreement     how often a shadow answers as the live model does
shadowing     shadows asked beside the live models
following     news of the register while a bot runs
"""
