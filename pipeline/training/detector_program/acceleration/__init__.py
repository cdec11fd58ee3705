"""What makes training fast: a processor's arithmetic and threads, MuSGD's update, image sizes.

Read `cpu`, `muon`, `depthwise`, `resizing`, `waiting`; `speed` times a step beforehand. Changes of
ultralytics itself stand in `ultralytics_patches`, one floor up, which uses these.
"""
