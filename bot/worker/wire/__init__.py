"""What bot and worker say to each other, and where they meet.

address     a socket, and who may use it         frames      a JSON header and a binary body
values      what answers must look like          errors      how failures travel
state       what a worker does and can do        bodies      the same over HTTP
"""
