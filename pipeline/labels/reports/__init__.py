"""What people see of labels: samples, what each class has, what is wrong, what was left out.

Read `label_samples`, `coverage_map`, `flagged_shapes`, `left_out_frames`.
"""
