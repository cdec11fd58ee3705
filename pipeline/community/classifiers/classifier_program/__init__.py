"""The program that trains and exports a classifier of icons or of screens, packed and sent along.

Besides its own modules it needs torch and torchvision, which a host must bring, and what
`pipeline.community.classifiers.job` names. How threads share a processor is as in the detector's
training.

Read `constants`, `main`, `images`, `augmentation`, `networks`, `starting`, `steps`, `checkpoints`,
`training`, `calibration`, `export`.
"""
