"""What a user can set: each setting defined once, checked and typed.

Knows which values are allowed and how they are worded; nothing of what is done with them. Start at
`settings.py`.
"""
